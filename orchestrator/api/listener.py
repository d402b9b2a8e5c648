"""Who listens to live events: what each has still to be sent, within bounds, and how many there may be."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager

from starlette.exceptions import HTTPException

MOST_LISTENERS = 5_000
"""Of one API process: each is a connection, and some kilobytes."""
MOST_WAITING = 1_000
"""Events that a listener may be behind by; who reads more slowly is let go, and comes back where it was."""
QUIET_S = 10.0
"""A listener hears at least a comment so often, so that a connection that is gone is noticed at both ends."""
AGAIN_MS = 1_000
"""So long a browser waits before it comes back."""


class Listener:
    """One open stream. What waits to be sent is shared text: the same for all who are told the same."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[object, str]] = deque()
        self._rang = asyncio.Event()
        self._over = False

    def tell(self, text: str, instead_of: object = None) -> None:
        """Let it be sent; in place of what waits last, where that is about the same and outdated by it."""
        if instead_of is not None and self._waiting and self._waiting[-1][0] == instead_of:
            self._waiting.pop()
        self._waiting.append((instead_of, text))
        if len(self._waiting) > MOST_WAITING:
            self._waiting.clear()
            self._over = True
        self._rang.set()

    def end(self) -> None:
        """There will be no more: it ends once all that waits is sent."""
        self._over = True
        self._rang.set()

    async def heard(self, quiet_s: float) -> AsyncGenerator[str]:
        """What there is to be sent, as it comes; empty when there was nothing for a while."""
        while self._waiting or not self._over:
            try:
                async with asyncio.timeout(quiet_s):
                    await self._rang.wait()
            except TimeoutError:
                yield ""
                continue
            self._rang.clear()
            if self._waiting:
                texts = [text for _, text in self._waiting]
                self._waiting.clear()
                yield "".join(texts)


class Listeners:
    """All open streams of this process."""

    def __init__(self, most: int = MOST_LISTENERS) -> None:
        self._most, self._open, self._closed = most, set[Listener](), False

    def __len__(self) -> int:
        return len(self._open)

    def admit(self) -> None:
        """Raise 503 where there is no room for one more, or this service is about to stop."""
        if self._closed:
            raise HTTPException(503, "this service stops; listen again in a moment", {"Retry-After": "1"})
        if len(self._open) >= self._most:
            raise HTTPException(503, f"{self._most} are listening already", {"Retry-After": "10"})

    @contextmanager
    def one(self) -> Generator[Listener]:
        """One more, for as long as it is listened to."""
        listener = Listener()
        self._open.add(listener)
        if self._closed:
            listener.end()
        try:
            yield listener
        finally:
            self._open.discard(listener)

    def close(self) -> None:
        """End all of them, and let nobody in any more."""
        self._closed = True
        for listener in self._open:
            listener.end()
