"""The answer that goes on: server-sent events, with what keeps proxies and browsers on the line."""

import asyncio
import logging
from collections.abc import AsyncGenerator

from starlette.responses import StreamingResponse
from starlette.types import Send

from orchestrator.api.listener import AGAIN_MS

STALLED_S = 30.0
"""Who takes nothing for so long is let go."""

log = logging.getLogger(__name__)


def event(data: str, id: str | int | None = None, name: str | None = None) -> str:
    """One event; a listener that comes back says the last ``id`` that it has heard."""
    named = "" if name is None else f"event: {name}\n"
    return f"{named}data: {data}\n\n" if id is None else f"{named}id: {id}\ndata: {data}\n\n"


def comment(said: str, id: str | int | None = None) -> str:
    """What listeners pass over; an ``id`` with it moves on where they come back to."""
    return f": {said}\n\n" if id is None else f": {said}\nid: {id}\n\n"


class EventStream(StreamingResponse):
    """Sends events as they come, to its end or that of its listener."""

    def __init__(self, events: AsyncGenerator[str], *, stalled_s: float = STALLED_S) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, headers=headers, media_type="text/event-stream")
        self._events, self._stalled_s = events, stalled_s

    async def stream_response(self, send: Send) -> None:
        """Send all of it. Where the other end takes nothing any more, the connection is closed as it is."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._send(send, f"retry: {AGAIN_MS}\n\n")
            async for text in self._events:
                await self._send(send, text)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            log.info("a listener took nothing for %.0f s, and is let go", self._stalled_s)
        finally:
            await self._events.aclose()

    async def _send(self, send: Send, text: str) -> None:
        async with asyncio.timeout(self._stalled_s):
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
