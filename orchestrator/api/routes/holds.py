"""Holding work back, and letting it go on."""

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Path, Query
from pydantic import Field

from orchestrator.api.bodies import JSON, RawBody, taking
from orchestrator.api.idempotency import Once
from orchestrator.api.requires import AllParts, Db, Id, NoQuery, PageQuery, Who, needs
from orchestrator.broker.wake import wake
from orchestrator.contracts import views
from orchestrator.contracts.control import Asked
from orchestrator.contracts.hold import HoldAsked
from orchestrator.domain.roles import Permission
from orchestrator.services.hold import place, release
from orchestrator.storage.queries.holds import list_holds, read_hold
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["holds"])
_CONTROLS = [needs(Permission.CONTROL)]
HoldId = Annotated[int, Path(ge=1, le=2**63 - 1, description="the hold's id")]


class HoldsQuery(PageQuery):
    """Which holds."""

    job: Id | None = None
    released: bool = Field(False, description="also those that no longer hold")


@router.post("/holds", status_code=201, dependencies=_CONTROLS, openapi_extra=taking(HoldAsked, JSON))
def place_hold(parts: AllParts, who: Who, body: RawBody, once: Once, _query: NoQuery) -> views.Hold:
    """Hand out nothing of what agrees with the whole scope, until it is released. It changes no state."""
    asked = body.model(HoldAsked, "the hold can not be placed")
    who.must_reach(asked.scope.site, asked.scope.workflow)
    with parts.engine.begin() as tx:
        return read_hold(tx, once.make(tx, lambda: place(tx, asked, who.user)))


@router.get("/holds", dependencies=[needs(Permission.READ)])
def list_open_holds(engine: Db, query: Annotated[HoldsQuery, Query()]) -> views.Page[views.Hold]:
    """What holds at present, the newest first."""
    with snapshot(engine) as tx:
        return list_holds(tx, query.limit, query.cursor, job=query.job, released=query.released)


@router.delete("/holds/{hold_id}", dependencies=_CONTROLS, openapi_extra=taking(Asked, JSON, required=False))
def release_hold(
    hold_id: HoldId, parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks, _query: NoQuery
) -> views.Hold:
    """Release it; what it held goes on. Again changes nothing. A count of failures begins anew."""
    with parts.engine.begin() as tx:
        held = read_hold(tx, hold_id).scope
        who.must_reach(held.get("site"), held.get("workflow"))
        release(tx, hold_id, who.user, body.model(Asked, "the hold can not be released").reason)
        hold = read_hold(tx, hold_id)
    background.add_task(wake, parts.redis_url)
    return hold
