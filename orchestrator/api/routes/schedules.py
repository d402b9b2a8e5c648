"""Schedules: what is submitted by itself, when, and what became of it."""

from typing import Annotated, cast

from fastapi import APIRouter, BackgroundTasks, Path, Query, Response

from orchestrator.api.bodies import JSON, RawBody, taking
from orchestrator.api.etags import IfMatch, Tagged
from orchestrator.api.fired import revoke_by
from orchestrator.api.idempotency import Once
from orchestrator.api.requires import AllParts, Db, NoQuery, PageQuery, Text, Who, needs
from orchestrator.broker.wake import wake
from orchestrator.contracts import views
from orchestrator.contracts.control import Asked
from orchestrator.contracts.schedule import ScheduleAsked
from orchestrator.domain.roles import Permission
from orchestrator.services import schedules
from orchestrator.services.come_due import run_now
from orchestrator.storage.queries.schedules import (
    ScheduleFilter,
    list_firings,
    list_schedules,
    reach_of,
    read_firing,
    read_schedule,
)
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["schedules"])
_READS, _STARTS = [needs(Permission.READ)], [needs(Permission.SUBMIT)]
_CONTROLS = [needs(Permission.CONTROL)]
ScheduleId = Annotated[int, Path(ge=1, le=2**63 - 1, description="the schedule's id")]
_TAKES, _MAY_TAKE = taking(ScheduleAsked, JSON), taking(Asked, JSON, required=False)
_REFUSAL = "this can not be asked for like that"


class SchedulesQuery(PageQuery):
    """Which schedules."""

    name: Text | None = None
    workflow: Text | None = None
    site: Text | None = None
    owner: Text | None = None
    enabled: bool | None = None


@router.post("/schedules", status_code=201, dependencies=_STARTS, openapi_extra=_TAKES, summary="Make a schedule")
def create_schedule(
    parts: AllParts,
    who: Who,
    body: RawBody,
    once: Once,
    tagged: Tagged,
    response: Response,
    background: BackgroundTasks,
    _query: NoQuery,
) -> views.Schedule:
    """Everything is checked as for a job. 409 when there is one of this name. Its jobs are those of who makes it."""
    said: object = body.json()
    who.must_reach(*_reach(said))
    with parts.engine.begin() as tx:
        made = read_schedule(tx, once.make(tx, lambda: schedules.create(tx, said, who.user)))
    response.headers["Location"] = f"/api/v1/schedules/{made.id}"
    tagged.tell(made.updated_at.isoformat())
    background.add_task(wake, parts.redis_url)
    return made


@router.get("/schedules", dependencies=_READS, summary="List schedules")
def list_all(engine: Db, query: Annotated[SchedulesQuery, Query()]) -> views.Page[views.ScheduleLine]:
    """In the order in which they were made."""
    wanted = ScheduleFilter(**query.model_dump(exclude={"limit", "cursor"}))
    with snapshot(engine) as tx:
        return list_schedules(tx, wanted, query.limit, query.cursor)


@router.get("/schedules/{schedule_id}", dependencies=_READS, summary="One schedule")
def get_schedule(schedule_id: ScheduleId, engine: Db, tagged: Tagged, _query: NoQuery) -> views.Schedule:
    """With the next ten times at which it is due, and what became of the last ten; `ETag` names what it says."""
    with snapshot(engine) as tx:
        found = read_schedule(tx, schedule_id)
    tagged.tell(found.updated_at.isoformat())
    return found


@router.put("/schedules/{schedule_id}", dependencies=_STARTS, openapi_extra=_TAKES, summary="Change a schedule")
def change_schedule(
    schedule_id: ScheduleId,
    parts: AllParts,
    who: Who,
    body: RawBody,
    if_match: IfMatch,
    background: BackgroundTasks,
    _query: NoQuery,
) -> views.Schedule:
    """Say anew all that it says. Who does that owns it; without `enabled` it stays paused, or not. Jobs go on."""
    with parts.engine.begin() as tx:
        who.must_reach(*reach_of(tx, schedule_id))
        if_match.must_be(schedules.locked_version(tx, schedule_id))
        said: object = body.json()
        who.must_reach(*_reach(said))
        schedules.change(tx, schedule_id, said, who.user)
        changed = read_schedule(tx, schedule_id)
    if_match.tell(changed.updated_at.isoformat())
    background.add_task(wake, parts.redis_url)
    return changed


@router.delete("/schedules/{schedule_id}", status_code=204, dependencies=_STARTS, summary="End a schedule")
def delete_schedule(schedule_id: ScheduleId, engine: Db, who: Who, if_match: IfMatch, _query: NoQuery) -> None:
    """It goes with its record of firings; its jobs stay, and go on."""
    with engine.begin() as tx:
        who.must_reach(*reach_of(tx, schedule_id))
        if_match.must_be(schedules.locked_version(tx, schedule_id))
        schedules.end(tx, schedule_id, who.user)


@router.get("/schedules/{schedule_id}/firings", dependencies=_READS, summary="When it was due, and what came of it")
def get_firings(schedule_id: ScheduleId, engine: Db, query: Annotated[PageQuery, Query()]) -> views.Page[views.Firing]:
    """The newest first. Those with a job are kept as long as it is, the last thousand others too."""
    with snapshot(engine) as tx:
        reach_of(tx, schedule_id)
        return list_firings(tx, schedule_id, query.limit, query.cursor)


@router.post("/schedules/{schedule_id}/run", status_code=202, dependencies=_STARTS, summary="Run a schedule now")
def run_schedule(
    schedule_id: ScheduleId, parts: AllParts, who: Who, background: BackgroundTasks, _query: NoQuery
) -> views.Firing:
    """As if it were due, paused or not. 409 where that would be skipped, since its job before has not ended."""
    with parts.engine.begin() as tx:
        who.must_reach(*reach_of(tx, schedule_id))
        firing = read_firing(tx, run_now(tx, schedule_id, who.user, revoke_by(parts)))
    background.add_task(wake, parts.redis_url)
    return firing


@router.post(
    "/schedules/{schedule_id}/pause", dependencies=_CONTROLS, openapi_extra=_MAY_TAKE, summary="Pause a schedule"
)
def pause_schedule(
    schedule_id: ScheduleId, parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks, _query: NoQuery
) -> views.Schedule:
    """Nothing is due any more, and what is queued is skipped; its job goes on. Again changes nothing."""
    return _enable(schedule_id, parts, who, body, background, enabled=False)


@router.post(
    "/schedules/{schedule_id}/resume", dependencies=_CONTROLS, openapi_extra=_MAY_TAKE, summary="Resume a schedule"
)
def resume_schedule(
    schedule_id: ScheduleId, parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks, _query: NoQuery
) -> views.Schedule:
    """It is due again from now on; what would have been meanwhile is not made up. Again changes nothing."""
    return _enable(schedule_id, parts, who, body, background, enabled=True)


def _enable(
    id: int, parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks, *, enabled: bool
) -> views.Schedule:
    with parts.engine.begin() as tx:
        who.must_reach(*reach_of(tx, id))
        schedules.enable(tx, id, who.user, body.model(Asked, _REFUSAL).reason, enabled=enabled)
        schedule = read_schedule(tx, id)
    background.add_task(wake, parts.redis_url)
    return schedule


def _reach(said: object) -> tuple[object, object]:
    """The site and the workflow of its jobs, as it says; None for what it does not."""
    words = cast(dict[str, object], said) if isinstance(said, dict) else {}
    return words.get("site"), words.get("workflow")
