"""Schedules, as they are seen."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, Select, case, func, select
from sqlalchemy import true as sql_true

from orchestrator.contracts import views
from orchestrator.contracts.schedule import SHOWN, ScheduleAsked
from orchestrator.domain.schedule import Outcome
from orchestrator.errors import NotFound
from orchestrator.storage.queries.keyset import page_by
from orchestrator.storage.tables import firings, jobs, schedules

_FIRING = tuple(views.Firing.model_fields)
_SAID = frozenset({"workflow_version", "queue", "priority", "cron", "timezone", "every", "at", "overlap", "catch_up"})
_SAID_OF_ONE = ("paths", "fields", "discovery", "attributes")


@dataclass(frozen=True, slots=True)
class ScheduleFilter:
    """Which schedules: those that match all that is said."""

    name: str | None = None
    workflow: str | None = None
    site: str | None = None
    owner: str | None = None
    enabled: bool | None = None


def list_schedules(
    tx: Connection, wanted: ScheduleFilter, limit: int, cursor: str | None = None
) -> views.Page[views.ScheduleLine]:
    """In the order in which they were made."""
    query = _schedules()
    for name in ("name", "workflow", "site", "owner", "enabled"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(schedules.c[name] == value)
    return page_by(tx, query, schedules.c.id, limit, cursor, lambda row: views.ScheduleLine(**_line(row)))


def read_schedule(tx: Connection, id: int) -> views.Schedule:
    """One schedule; NotFound when there is none."""
    row = tx.execute(_schedules().where(schedules.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no schedule {id}")
    asked = ScheduleAsked.shown(row.definition)
    return views.Schedule(
        **_line(row),
        **{name: getattr(asked, name) for name in _SAID_OF_ONE},
        next_times=list(islice(asked.due_from(row.anchor, row.next_at), SHOWN)),
        firings=list_firings(tx, id, SHOWN).items,
    )


def list_firings(tx: Connection, schedule: int, limit: int, cursor: str | None = None) -> views.Page[views.Firing]:
    """What became of the times at which it was due, the newest first."""
    query = select(firings).where(firings.c.schedule_id == schedule)
    return page_by(tx, query, firings.c.id, limit, cursor, _firing, falling=True)


def read_firing(tx: Connection, id: int) -> views.Firing:
    """One firing that is known to be there."""
    return _firing(tx.execute(select(firings).where(firings.c.id == id)).one())


def reach_of(tx: Connection, id: int) -> tuple[str, str]:
    """The site and the workflow of its jobs; NotFound when there is no such schedule."""
    row = tx.execute(select(schedules.c.site, schedules.c.workflow).where(schedules.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no schedule {id}")
    return row.site, row.workflow


def _schedules() -> Select[Any]:
    """Schedules with their running job, how many firings are queued, and the last that is told of."""
    own = firings.c.schedule_id == schedules.c.id
    queued = select(func.count()).where(own, firings.c.outcome == Outcome.QUEUED).scalar_subquery()
    last = select(*(firings.c[name].label(f"last_{name}") for name in _FIRING)).where(own)
    newest = last.order_by(firings.c.id.desc()).limit(1).lateral("newest")
    running = case((jobs.c.id.is_not(None) & jobs.c.ended_at.is_(None), jobs.c.id))
    query = select(schedules, running.label("running"), queued.label("queued"), *newest.c)
    return query.outerjoin(jobs, jobs.c.id == schedules.c.job_id).outerjoin(newest, sql_true())


def _line(row: Row[Any]) -> dict[str, Any]:
    asked = ScheduleAsked.shown(row.definition)
    told = {name: getattr(row, name) for name in views.ScheduleLine.model_fields if name not in _SAID | {"last"}}
    last = None
    if row.last_id is not None:
        last = views.Firing(**{name: getattr(row, f"last_{name}") for name in _FIRING})
    return told | {name: getattr(asked, name) for name in _SAID} | {"last": last}


def _firing(row: Row[Any]) -> views.Firing:
    return views.Firing(**{name: getattr(row, name) for name in _FIRING})
