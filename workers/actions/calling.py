"""Calling a service that the site's file allows, and no address that it does not.

The name is looked up here and the address that was judged is the one that is called, so that no name can lead to
another one a moment later. Redirects are not followed, and no proxy of the environment is used.
"""

import re
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import NamedTuple
from urllib.parse import urlsplit

import httpcore

from orchestrator import __version__
from workers.allowed import HttpAllowed
from workers.legible import legible

_MOST_ANSWER = 64 * 1024
_SHOWN = 300
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "idempotency-key"})


class Answer(NamedTuple):
    """What a service said."""

    status: int
    text: str
    """The beginning of its body, on one line."""


class Caller:
    """Posts to one URL, over connections that are kept. PermissionError for one that is not allowed."""

    def __init__(self, allowed: HttpAllowed, url: str, headers: Mapping[str, str], seconds: float) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise ValueError(f"url: {error}") from None
        if parts.username is not None or parts.password is not None:
            raise ValueError("url: has credentials in it: the site's file has a place for them (headers_file)")
        host = (parts.hostname or "").lower()
        if not allowed.allows(parts.scheme, host, port):
            raise PermissionError(f"url: the file of this site does not allow {host}:{port}")
        self._url, self._seconds = url, seconds
        self._headers = [*_checked(headers), *((n.encode(), v.encode()) for n, v in allowed.headers(host).items())]
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=_Guarded(allowed), retries=0
        )

    def post(self, body: bytes, key: str) -> Answer:
        """Post JSON under an idempotency key; ConnectionError or TimeoutError when no answer comes."""
        until = time.monotonic() + self._seconds
        headers = [
            *self._headers,
            (b"Content-Type", b"application/json"),
            (b"Idempotency-Key", key.encode()),
            (b"User-Agent", f"orchestrator/{__version__}".encode()),
        ]
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), self._seconds)
        try:
            with self._pool.stream(
                "POST", self._url, headers=headers, content=body, extensions={"timeout": timeout}
            ) as answer:
                return Answer(answer.status, _beginning(answer.iter_stream(), until, self._seconds))
        except httpcore.TimeoutException:
            raise TimeoutError(f"no answer within {self._seconds:g} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise ConnectionError(str(error) or type(error).__name__) from None

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.close()


class _Guarded(httpcore.NetworkBackend):
    """Connects to addresses that are allowed, and only these."""

    def __init__(self, allowed: HttpAllowed) -> None:
        self._allowed, self._plain = allowed, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Look the name up, judge what it stands for, and call that."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} is not known: {error.strerror}") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        good = [address for address in addresses if self._allowed.reaches(address)]
        if not good:
            raise PermissionError(
                f"{host} is {', '.join(addresses)}: no public address, and the file of this site does not allow it"
            )
        return self._plain.connect_tcp(good[0], port, timeout, local_address, socket_options)

    def sleep(self, seconds: float) -> None:
        """Between two tries, of which there are none."""
        self._plain.sleep(seconds)


def _beginning(chunks: Iterable[bytes], until: float, seconds: float) -> str:
    read = b""
    for chunk in chunks:
        read += chunk
        if len(read) >= _MOST_ANSWER:
            break
        if time.monotonic() > until:
            raise TimeoutError(f"no answer within {seconds:g} s")
    return legible(" ".join(read[:_SHOWN].decode(errors="replace").split()), _SHOWN)


def _checked(headers: Mapping[str, str]) -> Iterable[tuple[bytes, bytes]]:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or name.lower() in _OURS:
            raise ValueError(f"headers: {name!r} can not be set")
        if not value.isprintable():
            raise ValueError(f"headers: the value of {name!r} can not be sent")
        yield name.encode(), value.encode()
