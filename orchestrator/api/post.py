"""Sending a body to an address that somebody else chose: resolved once, looked at, and connected to as it was found.

Private addresses are refused where the connection is made, so that no name can stand for another address a moment
later. No redirect is followed, no proxy asked, and all of it takes no longer than it may.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

CONNECT_S = 5.0
ALL_S = 15.0
"""How long one delivery may take in all."""
_EMBEDS = ipaddress.ip_network("64:ff9b::/96")
"""Addresses of IPv4, as gateways between the two show them."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Posted(NamedTuple):
    """How it went."""

    status: int | None
    error: str | None
    """None: it was taken."""


def post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool, all_s: float = ALL_S) -> Posted:
    """Send it; never raises. ``private`` allows addresses that are not of the open internet, and http."""
    try:
        status = _post(url, body, headers, private=private, all_s=all_s)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Posted(None, f"{type(error).__name__}: {error}"[:500])
    if 300 <= status < 400:
        return Posted(status, f"answered {status}: redirects are not followed")
    return Posted(status, None if 200 <= status < 300 else f"answered {status}")


def _post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool, all_s: float) -> int:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    if not secure and not private:
        raise ValueError("only https is sent to")
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    connection = _Pinned(host, port, allowed(host, port, private=private), secure=secure)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    over = threading.Timer(all_s, connection.cut)
    over.daemon = True
    over.start()
    try:
        connection.request("POST", path, body, {**headers, "Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        over.cancel()
        connection.close()


def allowed(host: str, port: int, *, private: bool) -> str:
    """The address of a host, to connect to and to nothing else. ValueError for one that is private, with its name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(info[4][0]) for info in found]
    for address in addresses:
        if not private and not is_public(ipaddress.ip_address(address.partition("%")[0])):
            raise ValueError(f"{host} is at {address}, which is a private address")
    return addresses[0]


def is_public(address: Address) -> bool:
    """Whether it is of the open internet; also where it stands for one of IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None or address.teredo is not None or address in _EMBEDS:
            return False
    return address.is_global and not address.is_multicast


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, whatever its host's name may mean by now."""

    def __init__(self, host: str, port: int, address: str, *, secure: bool) -> None:
        super().__init__(host, port, timeout=CONNECT_S)
        self._address, self._secure, self._cut = address, secure, False

    def connect(self) -> None:
        """Connect, with TLS where that is asked for; its certificate has to be that of the name."""
        connection = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = connection
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(connection, server_hostname=self.host)

    def cut(self) -> None:
        """End it, whatever it waits for."""
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
