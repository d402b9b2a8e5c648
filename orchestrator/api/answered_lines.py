"""The answer that goes on while its request still comes in: a line for each line, sent as soon as it is known.

Who sends all of a body before reading anything is read to the end all the same: what can not be sent yet waits here.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator

from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

STALLED_S = 60.0
"""Once there are no more answers, so long may it take to have all of them taken."""

log = logging.getLogger(__name__)


class AnsweredLines(StreamingResponse):
    """Sends what ``answers`` gives, as it comes; these read the body of the request themselves."""

    def __init__(self, answers: AsyncGenerator[str], media_type: str) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(answers, headers=headers, media_type=media_type)
        self._answers = answers
        self._waiting = asyncio.Queue[str | None]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - see below
        """Read and send at once. Nobody listens for the other end to go here: that is seen by who reads the body."""
        try:
            async with asyncio.timeout(None) as left:
                reading = asyncio.create_task(self._read(left))
                try:
                    await self._send(send, reading)
                finally:
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)
        except TimeoutError:
            log.info("answers were not taken for %.0f s: their connection is closed", STALLED_S)
        except ClientDisconnect:
            log.debug("whoever sent the lines is gone")

    async def _read(self, left: asyncio.Timeout) -> None:
        try:
            async for answer in self._answers:
                self._waiting.put_nowait(answer)
        finally:
            left.reschedule(asyncio.get_running_loop().time() + STALLED_S)
            self._waiting.put_nowait(None)

    async def _send(self, send: Send, reading: asyncio.Task[None]) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        while (answer := await self._waiting.get()) is not None:
            await send({"type": "http.response.body", "body": answer.encode(), "more_body": True})
        await reading  # an answer whose request broke off has no end
        await send({"type": "http.response.body", "body": b"", "more_body": False})
