"""Worklists: what waits for a person; and deciding all at once what waits in a job."""

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query
from pydantic import Field

from orchestrator.api.bodies import JSON, RawBody, taking
from orchestrator.api.requires import AllParts, Db, NoQuery, PageQuery, Text, Who, needs
from orchestrator.api.routes.control import JobId
from orchestrator.broker.wake import wake
from orchestrator.contracts import views
from orchestrator.contracts.answer import DecisionAsked
from orchestrator.domain.roles import Permission
from orchestrator.errors import Fault, Forbidden, Invalid
from orchestrator.services.answer import decide
from orchestrator.storage.queries.snapshot import snapshot
from orchestrator.storage.queries.worklist import Wanted
from orchestrator.storage.queries.worklist import list_worklist as read_worklist

router = APIRouter(tags=["worklist"])


class WorklistQuery(PageQuery):
    """Whose worklist; the caller's own, where nothing is said."""

    group: Text | None = Field(None, description="of one group, with what its members have claimed")
    all: bool = Field(False, description="of everybody; for planners")


@router.get("/worklist", dependencies=[needs(Permission.READ)], summary="What waits for me")
def list_worklist(engine: Db, who: Who, query: Annotated[WorklistQuery, Query()]) -> views.Page[views.WorklistItem]:
    """The highest priority first, then what is due first; with what can be done with each now."""
    if query.all and not who.person.leads:
        raise Forbidden(f"{who.user} is no planner: ?all is for them")
    if query.group is not None and query.group not in who.groups and not who.person.leads:
        raise Forbidden(f"{who.user} is not in the group {query.group}")
    if query.all and query.group is not None:
        raise Invalid("the request is wrong", [Fault("?group", "is one group's, and ?all is everybody's")])
    with snapshot(engine) as tx:
        return read_worklist(tx, Wanted(who.person, query.group, query.all), query.limit, query.cursor)


@router.post(
    "/jobs/{job_id}/decisions",
    dependencies=[needs(Permission.WORK)],
    openapi_extra=taking(DecisionAsked, JSON),
    summary="Decide what waits for people in a job",
)
def decide_many(
    job_id: JobId, parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks, _query: NoQuery
) -> views.Decided:
    """Accept or reject the paths of many tasks: of a step, or those that globs match; what others have is left out.

    One request decides some hundreds of tasks; `next` says that there are more.
    """
    with parts.engine.begin() as tx:
        done = decide(tx, job_id, who, lambda: body.model(DecisionAsked, "this can not be decided like that"))
    background.add_task(wake, parts.redis_url)
    return views.Decided(**done._asdict())
