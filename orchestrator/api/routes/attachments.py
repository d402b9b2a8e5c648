"""Files that belong to jobs: put there, listed, fetched and deleted."""

from collections.abc import AsyncIterator
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Request
from pydantic import AfterValidator, Field
from starlette.responses import FileResponse

from orchestrator.api.idempotency import Maker, Once
from orchestrator.api.requires import AllParts, Db, NoQuery, PageQuery, Parts, StrictQuery, Who, needs
from orchestrator.api.routes.jobs import KnownJob
from orchestrator.contracts import views
from orchestrator.domain.roles import Permission
from orchestrator.errors import NotFound, Unreachable
from orchestrator.services.attach import attach, detach, found
from orchestrator.services.keys import Caller
from orchestrator.storage.files import Files, Received
from orchestrator.storage.queries import attachments
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["jobs"])
AttachmentId = Annotated[int, Path(ge=1, le=2**63 - 1, description="the attachment's id")]
_PLAIN = "application/octet-stream"
_BODY = {"requestBody": {"required": True, "content": {_PLAIN: {"schema": {"type": "string", "format": "binary"}}}}}


def _safe(name: str) -> str:
    if name in (".", "..") or "/" in name or "\\" in name or not name.isprintable():
        raise ValueError("has to be the name of a file: without folders, and of characters that can be seen")
    if len(name.encode()) > 255:
        raise ValueError("has more than 255 bytes")
    return name


class UploadQuery(StrictQuery):
    """What the file is called."""

    name: Annotated[str, AfterValidator(_safe)] = Field(min_length=1, max_length=255, examples=["sheet-12.pdf"])


@router.post(
    "/jobs/{job_id}/attachments",
    status_code=201,
    dependencies=[needs(Permission.WORK)],
    openapi_extra=_BODY,
    summary="Attach a file to a job",
)
async def add_attachment(
    job_id: KnownJob,
    query: Annotated[UploadQuery, Query()],
    parts: AllParts,
    who: Who,
    once: Once,
    request: Request,
) -> views.Attachment:
    """The body is the file, as it is; its `Content-Type` is kept. What does not come whole is forgotten."""
    files = _files(parts)
    media_type = request.headers.get("content-type", _PLAIN)
    media_type = media_type if media_type.isascii() and media_type.isprintable() and len(media_type) <= 200 else _PLAIN

    async def chunks() -> AsyncIterator[bytes]:
        async for chunk in request.stream():
            yield chunk

    received = await files.receive(chunks())
    try:
        return await to_thread.run_sync(_keep, parts, files, job_id, received, query.name, media_type, who, once)
    finally:
        received.path.unlink(missing_ok=True)


def _keep(
    parts: Parts, files: Files, job: int, received: Received, name: str, media_type: str, who: Caller, once: Maker
) -> views.Attachment:
    with parts.engine.begin() as tx:
        id = once.make(tx, lambda: attach(tx, files, job, received, name, media_type, who), received.sha256)
        return attachments.attachment(found(tx, job, id))


@router.get("/jobs/{job_id}/attachments", dependencies=[needs(Permission.READ)], summary="List a job's attachments")
def list_attachments(
    job_id: KnownJob, engine: Db, query: Annotated[PageQuery, Query()]
) -> views.Page[views.Attachment]:
    """The oldest first."""
    with snapshot(engine) as tx:
        return attachments.list_attachments(tx, job_id, query.limit, query.cursor)


@router.get(
    "/jobs/{job_id}/attachments/{attachment_id}",
    dependencies=[needs(Permission.READ)],
    summary="Fetch an attachment",
    response_class=FileResponse,
    responses={200: {"content": {_PLAIN: {"schema": {"type": "string", "format": "binary"}}}}},
)
def fetch_attachment(job_id: KnownJob, attachment_id: AttachmentId, parts: AllParts, _query: NoQuery) -> FileResponse:
    """The file, to be saved: nothing in it is shown as a page of this service."""
    with snapshot(parts.engine) as tx:
        row = found(tx, job_id, attachment_id)
    place = _files(parts).place(job_id, attachment_id)
    if not place.is_file():
        raise NotFound(f"the file of attachment {attachment_id} is not in the folder of this API")
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
        "ETag": f'"{bytes(row.sha256).hex()}"',
    }
    return FileResponse(place, media_type=row.media_type, filename=row.name, headers=headers)


@router.delete(
    "/jobs/{job_id}/attachments/{attachment_id}",
    status_code=204,
    dependencies=[needs(Permission.WORK)],
    summary="Delete an attachment",
)
def delete_attachment(
    job_id: KnownJob, attachment_id: AttachmentId, parts: AllParts, who: Who, _query: NoQuery
) -> None:
    """One's own; planners may delete others'."""
    files = _files(parts)
    with parts.engine.begin() as tx:
        detach(tx, job_id, attachment_id, who)
    files.remove(job_id, attachment_id)


def _files(parts: Parts) -> Files:
    if parts.files is None:
        raise Unreachable("the API was given no folder for attachments")
    return parts.files
