"""Live events, as server-sent events: of one job, and of all."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from orchestrator.api.event_stream import EventStream
from orchestrator.api.news import Wanted
from orchestrator.api.requires import Db, NoQuery, StrictQuery, needs
from orchestrator.api.routes.jobs import KnownJob
from orchestrator.domain.kinds import Kind
from orchestrator.domain.roles import Permission
from orchestrator.storage.queries.happened import LONGEST_MARK, check_mark, has_been_told
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["events"])
_READ = [needs(Permission.READ)]
_EVENT = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "id": {"type": "string", "description": "what `Last-Event-ID` takes, to go on behind this one"},
        "event": {"type": "string", "description": "`reset` (of all): too much was missed; look anew, and go on"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": _EVENT}}}}
_NO_MORE: dict[int | str, dict[str, Any]] = {204: {"description": "All is told, and there will be no more"}}
_Several = Field(default_factory=list[str], max_length=100)


@router.get(
    "/jobs/{job_id}/events",
    dependencies=_READ,
    summary="A job's live events",
    response_class=StreamingResponse,
    responses=_STREAM | _NO_MORE,
)
async def watch_job(
    job_id: KnownJob,
    request: Request,
    engine: Db,
    _query: NoQuery,
    last: Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=2**31 - 1)] = None,
) -> Response:
    """Server-sent events, beginning with the present state; it ends after a terminal one.

    `id:` is the job's seq, `data:` one line of JSON: `{seq, state, from, tasks, paths, progress}`. With
    `Last-Event-ID` the moves since that one come first, and a job that has been told to its end is answered 204.
    """
    parts = request.app.state
    parts.listeners.admit()
    if last is not None and await to_thread.run_sync(_over, engine, job_id, last):
        return Response(status_code=204)
    return EventStream(parts.feed.listen(job_id, last))


def _over(engine: Any, job_id: int, seq: int) -> bool:
    with snapshot(engine) as tx:
        return has_been_told(tx, job_id, seq)


class EventsQuery(StrictQuery):
    """Which events: those that match one value of every filter that has any."""

    site: list[str] = Field(default_factory=list[str], max_length=100, description="of jobs at this site")
    workflow: list[str] = _Several
    kind: list[Kind] = Field(default_factory=list[Kind], max_length=100)
    owner: list[str] = _Several
    event: list[str] = Field(
        default_factory=list[str], max_length=100, description="what happened, as the history names it"
    )


@router.get(
    "/events",
    dependencies=_READ,
    summary="What happens to all jobs, live",
    response_class=StreamingResponse,
    responses=_STREAM,
)
async def watch_all(
    request: Request,
    query: Annotated[EventsQuery, Query()],
    last: Annotated[str | None, Header(alias="Last-Event-ID", max_length=LONGEST_MARK)] = None,
) -> StreamingResponse:
    """Server-sent events: every entry of every job's history, from now on, or behind `Last-Event-ID`.

    `data:` is one line of JSON. Who was away for more than 2,000 events is told `reset` in place of them.
    """
    parts = request.app.state
    parts.listeners.admit()
    wanted = Wanted(**{name: frozenset(map(str, some)) for name, some in query.model_dump().items()})
    return EventStream(parts.news.listen(wanted, None if last is None else check_mark(last)))
