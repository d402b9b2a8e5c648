"""Refuses a body that is too large, by what it says of itself and by what really comes."""

import re
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MIB = 1024 * 1024


_ATTACHMENTS = re.compile(r"/api/v1/jobs/[0-9]+/attachments")
_EDITS = re.compile(r"/api/v1/jobs/[0-9]+/edits")
_STREAMED = re.compile(r"/api/v1/jobs/([0-9]+/paths|batch)")


def largest(path: str, attachment: int = 100 * MIB, edits: int = 1024 * MIB) -> int | None:
    """The most bytes a body sent to this path may have: jobs are given their paths in it, files, and edits.

    None where it is streamed.
    """
    if _STREAMED.fullmatch(path):
        return None  # there lines are limited, and few are in memory
    if path == "/api/v1/jobs":
        return 32 * MIB
    if _EDITS.fullmatch(path):
        return edits
    return attachment if _ATTACHMENTS.fullmatch(path) else MIB


class BodyLimit:
    """Counts what comes in; raises 413 before more than the limit is kept."""

    def __init__(self, app: ASGIApp, limit: Callable[[str], int | None] = largest) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        if limit is None:
            await self._app(scope, receive, send)
            return
        refusal = HTTPException(413, f"the body is larger than {limit} bytes, the most that is taken here")
        said = Headers(scope=scope).get("content-length", "")
        if said.isdecimal() and (len(said) > 18 or int(said) > limit):
            raise refusal
        left = limit

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise refusal
            return message

        await self._app(scope, counted, send)
