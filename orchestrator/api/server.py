"""Uvicorn, but for its habit of looking ten times a second whether it is to end: the signal that says so wakes it."""

import asyncio
from contextlib import suppress
from types import FrameType

import uvicorn

_DATE_SECONDS = 1.0
"""How long the answers' ``Date`` may stay as it is."""


class Server(uvicorn.Server):
    """Serves one application in this process."""

    _ending: asyncio.Event | None = None

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
