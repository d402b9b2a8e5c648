"""A TCP proxy of the tests' own: what goes through it comes late, slowly, spoiled, or not at all."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from orchestrator.stack.ports import LOOPBACK

_CHUNK = 64 * 1024
_LOOK_SECONDS = 0.02


@dataclass(slots=True)
class Trouble:
    """What is wrong with the line now; written by the test, read before each piece that goes through."""

    latency_s: float = 0.0
    bytes_per_s: int | None = None
    stalled: bool = False
    """Nothing goes through, and nothing is lost: a link that is down for a while."""
    refused: bool = False
    """Nobody can connect."""
    corrupt: bool = False
    """One byte of the next piece from the server is turned over; once."""
    reset_after: int | None = None
    """Bytes that still go through, both ways together; then every connection is reset. Once."""
    lose_answer_to: bytes | None = None
    """The request with these bytes reaches the server, and instead of its answer comes a reset. Once."""
    times: int = 0
    """How often something of the last three has happened."""


@dataclass(slots=True, eq=False)
class _Link:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    dead: bool = False
    """Swallows everything, the end of the connection too, and so does not know of it."""
    answerless: bool = False
    """What the server says next is an answer that is to be lost."""


@dataclass(slots=True)
class Proxy:
    """Passes connections on from ``port`` to a server; ``trouble`` is what befalls them."""

    target: tuple[str, int]
    host: str = LOOPBACK
    port: int = 0
    trouble: Trouble = field(default_factory=Trouble)
    _links: set[_Link] = field(default_factory=set[_Link])
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def cut(self) -> None:
        """Reset every connection (RST); new ones can be made."""
        self._do(self._reset_all)

    def vanish(self) -> None:
        """Half-open: what is connected now hears nothing and is not heard any more, not even that it has ended."""

        def kill() -> None:
            for link in self._links:
                link.dead = True

        self._do(kill)

    def heal(self) -> None:
        """The line is good again; connections that a ``vanish`` has struck stay dead."""
        self.trouble = Trouble()

    async def serve(self, ready: threading.Event) -> None:
        """Serve until ``end``."""
        server = await asyncio.start_server(self._connected, self.host, self.port)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._over.wait()
        server.close()
        for link in self._links:
            _reset(link)
        # Who came in the last moment is still being let in, and has to be turned away by `_connected`.
        await asyncio.sleep(_LOOK_SECONDS)

    def end(self) -> None:
        """Serve no more."""
        self._do(self._over.set)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            if self.trouble.refused or self._over.is_set():
                _abort(writer)
                return
            try:
                server_reader, server = await asyncio.open_connection(*self.target)
            except (OSError, asyncio.CancelledError):
                _abort(writer)
                return
            link = _Link(writer, server)
            self._links.add(link)
            try:
                await asyncio.gather(
                    self._pump(link, reader, server, asks=True), self._pump(link, server_reader, writer, asks=False)
                )
            finally:
                self._links.discard(link)
                _reset(link)

    async def _pump(self, link: _Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, asks: bool) -> None:
        while data := await source.read(_CHUNK):
            if self.trouble.latency_s:
                await asyncio.sleep(self.trouble.latency_s)
            if self.trouble.bytes_per_s:
                await asyncio.sleep(len(data) / self.trouble.bytes_per_s)
            while self.trouble.stalled and not link.dead:  # noqa: ASYNC110 - it ends in another thread
                await asyncio.sleep(_LOOK_SECONDS)
            if link.dead:
                continue
            if link.answerless and not asks:
                self._reset_all()
                return
            if asks and self.trouble.lose_answer_to is not None and self.trouble.lose_answer_to in data:
                self.trouble.lose_answer_to, link.answerless = None, True
            sink.write(self._spoiled(data, asks=asks))
            await sink.drain()
            if self._is_enough(len(data)):
                # What was let through is on its way before the connection is gone.
                await asyncio.sleep(_LOOK_SECONDS)
                self._reset_all()
        if link.dead:
            await self._over.wait()
        with suppress(OSError):
            sink.write_eof()

    def _spoiled(self, data: bytes, *, asks: bool) -> bytes:
        if asks or not self.trouble.corrupt:
            return data
        self.trouble.corrupt = False
        self.trouble.times += 1
        return bytes([data[0] ^ 0xFF]) + data[1:]

    def _is_enough(self, more: int) -> bool:
        if self.trouble.reset_after is None:
            return False
        self.trouble.reset_after -= more
        if self.trouble.reset_after > 0:
            return False
        self.trouble.reset_after = None
        return True

    def _reset_all(self) -> None:
        self.trouble.times += 1
        for link in self._links:
            _reset(link)

    def _do(self, what: Callable[[], object]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (what(), done.set()))
        assert done.wait(5)


def _reset(link: _Link) -> None:
    _abort(link.client)
    _abort(link.server)


def _abort(writer: asyncio.StreamWriter) -> None:
    """Close with RST: who reads gets an error, and not an end."""
    plug: socket.socket | None = writer.get_extra_info("socket")
    with suppress(OSError):
        if plug is not None:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def proxied(host: str, port: int, *, listen: str = LOOPBACK) -> Generator[Proxy]:
    """A proxy before this server, in a thread of its own."""
    proxy, ready = Proxy((host, port), listen), threading.Event()
    loop = proxy._loop
    thread = threading.Thread(target=loop.run_until_complete, args=(proxy.serve(ready),), name="proxy")
    thread.start()
    try:
        assert ready.wait(5)
        yield proxy
    finally:
        proxy.end()
        thread.join(5)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(_LOOK_SECONDS))
        loop.close()
