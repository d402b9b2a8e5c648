"""Schedules: made, changed, paused, resumed, ended. What they do when they come due is in come_due.py."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not
from sqlalchemy.exc import IntegrityError

from orchestrator.contracts.faults import read_storable
from orchestrator.contracts.schedule import ScheduleAsked
from orchestrator.errors import Conflict, Fault, Invalid
from orchestrator.services.come_due import drop_queued, lock_schedule, read_kept
from orchestrator.services.order import STREAM, read_order
from orchestrator.storage.audit import audit
from orchestrator.storage.tables import schedules

_REFUSAL = "the schedule can not be taken"


def locked_version(tx: Connection, id: int) -> str:
    """When it was last changed by somebody, locked until the end of the transaction; NotFound when there is none."""
    return lock_schedule(tx, id).updated_at.isoformat()


def create(tx: Connection, body: object, owner: str) -> int:
    """Keep a new schedule; its id. Conflict when there is one of this name, Invalid when its job could not run."""
    asked = _checked(tx, body)
    now = tx.execute(select(func.clock_timestamp())).scalar_one()
    if asked.at is not None and asked.at <= now:
        raise Invalid(_REFUSAL, [Fault("$.at", "has passed already")])
    values = _columns(asked, owner) | _begin(asked, now)
    row = insert_or_not(schedules).values(**values).on_conflict_do_nothing(index_elements=[schedules.c.name])
    id = tx.execute(row.returning(schedules.c.id)).scalar_one_or_none()
    if id is None:
        raise _taken(asked.name)
    audit(tx, owner, "schedule.create", f"schedule {id}", None, asked.kept)
    return id


def change(tx: Connection, id: int, body: object, by: str) -> None:
    """Say anew what it does; whoever says that owns it from then on. What is not said of ``enabled`` stays.

    Where its times stay the same, it is due when it was. NotFound when there is none, Conflict when another has the
    name, Invalid when its job could not run.
    """
    row = lock_schedule(tx, id)
    asked, before = _checked(tx, body), ScheduleAsked.shown(row.definition)
    if "enabled" not in asked.model_fields_set:
        asked = asked.model_copy(update={"enabled": row.enabled})
    values = _columns(asked, by)
    if not asked.same_times(before):
        if asked.at is not None and asked.at <= row.now:
            raise Invalid(_REFUSAL, [Fault("$.at", "has passed already")])
        values |= _begin(asked, row.now)
    elif asked.enabled != row.enabled:
        values |= {"next_at": _next(asked, row.anchor, row.now)}
    try:
        with tx.begin_nested():
            _write(tx, id, values)
    except IntegrityError:
        raise _taken(asked.name) from None
    if not asked.enabled:
        drop_queued(tx, id, _PAUSED)
    audit(tx, by, "schedule.change", f"schedule {id}", None, asked.kept)


def enable(tx: Connection, id: int, by: str, reason: str | None, *, enabled: bool) -> None:
    """Let it come due again from now on, or pause it; so already: nothing changes.

    NotFound when there is none, Invalid when it can not be read any more: then it has to be said anew.
    """
    row = lock_schedule(tx, id)
    if row.enabled == enabled:
        return
    asked = read_kept(row).model_copy(update={"enabled": enabled})
    values: dict[str, Any] = {"enabled": enabled, "next_at": _next(asked, row.anchor, row.now)}
    _write(tx, id, values)
    if not enabled:
        drop_queued(tx, id, _PAUSED)
    audit(tx, by, "schedule.resume" if enabled else "schedule.pause", f"schedule {id}", reason)


def end(tx: Connection, id: int, by: str) -> None:
    """Take it away with its record of firings; its jobs go on. NotFound when there is none."""
    row = lock_schedule(tx, id)
    tx.execute(delete(schedules).where(schedules.c.id == id))
    audit(tx, by, "schedule.delete", f"schedule {id}", None, {"name": row.name})


_PAUSED = "the schedule was paused"


def _checked(tx: Connection, body: object) -> ScheduleAsked:
    """What is asked for, when a job of it could be submitted now; Invalid with the places in the body."""
    asked = read_storable(ScheduleAsked, body, _REFUSAL)
    try:
        order = read_order(tx, asked.submission)
    except Invalid as invalid:
        raise Invalid(_REFUSAL, invalid.faults) from None
    if order.method == STREAM:
        place = "$.workflow" if asked.discovery is None else "$.discovery"
        raise Invalid(_REFUSAL, [Fault(place, "a stream is sent its paths by somebody: it can not start by itself")])
    return asked


def _columns(asked: ScheduleAsked, owner: str) -> dict[str, Any]:
    own = {name: getattr(asked, name) for name in ("name", "workflow", "site", "enabled")}
    return own | {"owner": owner, "definition": asked.kept}


def _write(tx: Connection, id: int, values: dict[str, Any]) -> None:
    tx.execute(update(schedules).where(schedules.c.id == id).values(**values, updated_at=func.clock_timestamp()))


def _begin(asked: ScheduleAsked, now: datetime) -> dict[str, Any]:
    """From when its interval counts, in whole seconds, and when it is due first."""
    anchor = now.replace(microsecond=0)
    return {"anchor": anchor, "next_at": _next(asked, anchor, now)}


def _next(asked: ScheduleAsked, anchor: datetime, now: datetime) -> datetime | None:
    return asked.due_after(anchor, now) if asked.enabled else None


def _taken(name: str) -> Conflict:
    return Conflict(f"there is a schedule {name!r} already; PUT changes it")
