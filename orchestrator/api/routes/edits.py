"""The data of edit jobs: the package that is fetched, and the edits that are sent."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

from anyio import fail_after, to_thread
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from orchestrator.api.piece import digest_field, piece_of
from orchestrator.api.requires import AllParts, NoQuery, Parts, StrictQuery, Who, needs
from orchestrator.api.routes.jobs import KnownJob
from orchestrator.api.sent_file import SentFile
from orchestrator.contracts import views
from orchestrator.domain.roles import Permission
from orchestrator.errors import Unreachable
from orchestrator.services.keys import Caller
from orchestrator.services.package import Delivery, deliver
from orchestrator.services.receive import Part, begin, received
from orchestrator.services.transfer import must_give, must_take, take
from orchestrator.services.workspace import Workspaces

router = APIRouter(tags=["jobs"])

SILENCE_S = 60.0
"""A request that sends nothing for so long is ended: its sender may have been cut off, and wants to go on."""
_BINARY: Any = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_TAKES: Any = {
    "requestBody": {"required": True, "content": _BINARY},
    "parameters": [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "example": example}
        for name, example in (("Content-Range", "bytes 0-1023/4096"), ("Repr-Digest", f"sha-256=:{'A' * 43}=:"))
    ],
}


class EditsQuery(StrictQuery):
    """Which file is meant."""

    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$", description="of the file that is being sent")


@router.get(
    "/jobs/{job_id}/package",
    dependencies=[needs(Permission.READ)],
    summary="Fetch the package of an edit job",
    response_class=Response,
    responses={
        200: {"content": _BINARY},
        206: {"description": "The range that was asked for", "content": _BINARY},
        409: {},
        416: {},
    },
)
def fetch_package(job_id: KnownJob, parts: AllParts, who: Who, request: Request, _query: NoQuery) -> Response:
    """What is to be edited: one file, or a ZIP. Its `ETag` is its SHA-256; with `Range` and `If-Range` a fetch goes on.

    For the job's worker, and for planners; from Prepared until the job is cleaned up.
    """
    with parts.engine.begin() as tx:
        must_give(tx, job_id, who)
    return _answer(deliver(_workspaces(parts), job_id), request)


@router.get(
    "/jobs/{job_id}/edits",
    dependencies=[needs(Permission.WORK)],
    summary="How far the edits of a job are",
    responses={409: {}},
)
def read_edits(job_id: KnownJob, parts: AllParts, who: Who, query: Annotated[EditsQuery, Query()]) -> views.Edits:
    """What has come in, and from which byte on a file with this checksum is to be sent."""
    with parts.engine.begin() as tx:
        must_take(tx, job_id, who)
    return received(_workspaces(parts), job_id, query.sha256)


@router.put(
    "/jobs/{job_id}/edits",
    dependencies=[needs(Permission.WORK)],
    summary="Send the edits of a job",
    openapi_extra=_TAKES,
    responses={202: {"model": views.Edits, "description": "This piece is kept; the file is not whole yet"}, 408: {}},
)
async def send_edits(
    job_id: KnownJob, parts: AllParts, who: Who, request: Request, response: Response, _query: NoQuery
) -> views.Edits:
    """The body is the file, or with `Content-Range` a piece of it; `Repr-Digest` has the SHA-256 of the whole.

    For the job's worker, while it is Downloaded. The file takes the place of what was sent before once it is there
    whole and its checksum is right. One that is cut is gone on with, if its checksum was given: `GET` says where.
    """
    workspaces = _workspaces(parts)
    await to_thread.run_sync(_must_take, parts, job_id, who)
    piece = piece_of(request.headers, parts.edits_most)
    part = await to_thread.run_sync(begin, workspaces, job_id, piece)
    try:
        async for chunk in _body(request):
            await to_thread.run_sync(part.write, chunk)
        sha256 = await to_thread.run_sync(part.end)
        if sha256 is None:
            response.status_code = 202
        else:
            await to_thread.run_sync(_take, parts, workspaces, job_id, part, sha256, who)
        return await to_thread.run_sync(received, workspaces, job_id, piece.sha256)
    finally:
        part.close()


def _must_take(parts: Parts, job: int, who: Caller) -> None:
    with parts.engine.begin() as tx:
        must_take(tx, job, who)


def _take(parts: Parts, workspaces: Workspaces, job: int, part: Part, sha256: str, who: Caller) -> None:
    with parts.engine.begin() as tx:
        sent = take(tx, workspaces, job, part, sha256, who)
    part.note(sent)


async def _body(request: Request) -> AsyncIterator[bytes]:
    stream = request.stream()
    try:
        while True:
            with fail_after(SILENCE_S):
                chunk = await anext(stream, None)
            if chunk is None:
                return
            yield chunk
    except TimeoutError:
        raise HTTPException(408, f"nothing came for {SILENCE_S:g} seconds; what had come is kept") from None
    except ClientDisconnect:
        raise HTTPException(400, "the body was cut; what had come is kept") from None


def _answer(delivery: Delivery, request: Request) -> SentFile:
    headers = {
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(delivery.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
        "Repr-Digest": digest_field(delivery.sha256),
    }
    try:
        return SentFile(delivery.file, delivery.size, f'"{delivery.sha256.hex()}"', request.headers, headers)
    except HTTPException:
        delivery.file.close()
        raise


def _workspaces(parts: Parts) -> Workspaces:
    if parts.workspaces is None:
        raise Unreachable("the API was given no folder for workspaces")
    return parts.workspaces
