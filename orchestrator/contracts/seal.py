"""Signing: knowing the broker's password must not be enough to run anything or to report anything.

Every parcel, report and batch is MessagePack behind an HMAC-SHA256 with the key of its site. The mac covers the
kind of message too, so that a report can not be passed off as a parcel.
"""

import hashlib
import hmac
from typing import TypeVar

import msgspec

from orchestrator.errors import BadSeal, WireError

_MAC_BYTES = 32
T = TypeVar("T")


def site_key(secret: bytes, site: str) -> bytes:
    """The key of one site, derived from the installation's secret: one site's key tells nothing about another's."""
    return hmac.digest(secret, b"orchestrator site key\0" + site.encode(), hashlib.sha256)


def broker_password(secret: bytes, site: str) -> str:
    """The password of a site's own user at the broker, derived in the same way."""
    return hmac.digest(secret, b"orchestrator broker password\0" + site.encode(), hashlib.sha256).hex()


def seal(key: bytes, message: msgspec.Struct) -> bytes:
    """The message, signed."""
    payload = msgspec.msgpack.encode(message)
    return _mac(key, type(message), payload) + payload


def unseal(key: bytes, kind: type[T], sealed: bytes) -> T:
    """The message, when the seal is right and its content is of this kind; else BadSeal or WireError."""
    mac, payload = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, kind, payload)):
        raise BadSeal(f"a {kind.__name__} that is not signed by its site")
    try:
        return msgspec.msgpack.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not a {kind.__name__}: {error}") from error


def _mac(key: bytes, kind: type[object], payload: bytes) -> bytes:
    return hmac.digest(key, kind.__name__.encode() + b"\0" + payload, hashlib.sha256)
