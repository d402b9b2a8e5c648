"""Uvicorn, but for its habit of looking ten times a second whether it is to end: the signal that says so wakes it."""

import asyncio
import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn

_DATE_SECONDS = 1.0
"""How long the answers' ``Date`` may stay as it is."""


class Server(uvicorn.Server):
    """Serves one application in this process."""

    _ending: asyncio.Event | None = None

    def __init__(self, config: uvicorn.Config, at_end: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self._at_end = at_end

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let those go who listen, and wait for what else is under way."""
        self._at_end()
        await super().shutdown(sockets)

    async def main_loop(self) -> None:
        """Return once it is to end."""
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _DATE_SECONDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal asks for the end."""
        super().handle_exit(sig, frame)
        if self._ending is not None:
            self._loop.call_soon_threadsafe(self._ending.set)


def take_descriptors() -> None:
    """Let this process have as many open files as it may: everybody who listens is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
