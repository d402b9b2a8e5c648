"""Streaming paths into a job."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from orchestrator.api.intake import Intake
from orchestrator.api.lines import LineCutter
from orchestrator.api.requires import AllParts, StrictQuery, Who, needs
from orchestrator.contracts import views
from orchestrator.domain.roles import Permission
from orchestrator.errors import TooLarge

router = APIRouter(tags=["jobs"])
JobId = Annotated[int, InPath(ge=1, le=2**63 - 1, description="the job's id")]

NDJSON = "application/x-ndjson"
TAKEN_AS_NDJSON = frozenset({"", NDJSON, "application/ndjson", "application/jsonl", "application/x-jsonlines"})
_PATIENCE_S = 1.0
"""How long a line waits for others before it is kept."""


class StreamQuery(StrictQuery):
    """Where the lines belong."""

    offset: int | None = Field(
        None,
        ge=0,
        le=2**63 - 1,
        description="which line of the whole stream the first of these is, from 0: those that are kept already are "
        "left out, so that the same lines may be sent again; left out, all are new",
    )
    close: bool = Field(False, description="these are the last")


_BODY: dict[str, Any] = {
    "requestBody": {
        "description": "A path a line: a text, or an object",
        "content": {
            NDJSON: {
                "schema": {"type": "string"},
                "example": '"/data/a"\n{"path": "/data/b", "state": "modified", "size": 3}\n',
            }
        },
    }
}


@router.post("/jobs/{job_id}/paths", dependencies=[needs(Permission.SUBMIT)], openapi_extra=_BODY)
async def stream_paths(
    job_id: JobId, parts: AllParts, who: Who, request: Request, query: Annotated[StreamQuery, Query()]
) -> views.Streamed:
    """Add paths to a job whose discovery is `stream`, a line of JSON each; read and kept as they come.

    What is answered is how many lines are kept in all. When the connection breaks, or a line is refused, those before
    it stay: go on with `?offset=` that number (`discovery.cursor` of the job).
    """
    intake = Intake(parts, job_id, query.offset, repeats=query.close)
    await to_thread.run_sync(intake.begin, who)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in TAKEN_AS_NDJSON:
        raise HTTPException(415, f"the body has to be lines of JSON, sent with Content-Type: {NDJSON}")
    cutter = LineCutter()
    try:
        async for piece in _pieces(request):
            await _take(intake, cutter, piece)
        intake.add(cutter.last())
    except (ClientDisconnect, TooLarge):
        # What came whole is kept: the sender asks how far that is, and goes on.
        await to_thread.run_sync(intake.keep)
        raise
    await to_thread.run_sync(intake.keep)
    return await to_thread.run_sync(intake.end, query.close)


async def _take(intake: Intake, cutter: LineCutter, piece: bytes | None) -> None:
    """Take a piece of the body; None: nothing has come for a while."""
    if piece is not None:
        intake.add(cutter.feed(piece))
    if intake.waiting and (piece is None or intake.enough):
        await to_thread.run_sync(intake.keep)


async def _pieces(request: Request) -> AsyncIterator[bytes | None]:
    """The body, piece by piece; None whenever nothing has come for a while."""
    body = aiter(request.stream())
    coming: asyncio.Task[bytes] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(body))
            done, _ = await asyncio.wait({coming}, timeout=_PATIENCE_S)
            if not done:
                yield None
                continue
            try:
                piece = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            yield piece
    finally:
        if coming is not None:
            coming.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await coming
