"""Which piece of which file a request brings, by its headers: ``Content-Range`` (RFC 9110), ``Repr-Digest`` (9530)."""

import base64
import binascii
import re

from starlette.datastructures import Headers

from orchestrator.errors import Fault, Invalid, TooLarge
from orchestrator.services.receive import Piece

_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_DIGEST = re.compile(r"(?:.*,)?\s*sha-256=:([A-Za-z0-9+/=]+):\s*(?:,.*)?")


def piece_of(headers: Headers, most: int) -> Piece:
    """The piece; Invalid for headers that can not be, TooLarge for a file of more than ``most`` bytes."""
    sha256 = _sha256(headers.get("repr-digest"))
    said = headers.get("content-range")
    if said is None:
        return Piece(sha256=sha256)
    found = _RANGE.fullmatch(said.strip())
    first, last, total = map(int, found.groups()) if found else (0, 0, 0)
    if not first <= last < total:
        raise _wrong("Content-Range", f"{said[:80]!r} has to be such as 'bytes 0-1023/4096'")
    if total > most:
        raise TooLarge(f"the file is larger than {most} bytes, the most that is taken here")
    if sha256 is None:
        raise _wrong("Repr-Digest", "a piece of a file needs the SHA-256 of the whole: 'sha-256=:<base64>:'")
    return Piece(first, last + 1, total, sha256)


def digest_field(sha256: bytes) -> str:
    """The checksum of a file as the header says it."""
    return f"sha-256=:{base64.b64encode(sha256).decode()}:"


def _sha256(said: str | None) -> str | None:
    if said is None:
        return None
    found = _DIGEST.fullmatch(said.strip())
    try:
        digest = base64.b64decode(found[1] if found else "", validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise _wrong("Repr-Digest", f"{said[:120]!r} has to be 'sha-256=:<base64 of the 32 bytes>:'")
    return digest.hex()


def _wrong(header: str, reason: str) -> Invalid:
    return Invalid("the request is wrong", [Fault(f"header {header}", reason)])
