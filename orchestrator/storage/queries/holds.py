"""Holds, as they are seen."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from orchestrator.contracts import views
from orchestrator.contracts.text import path_text
from orchestrator.errors import NotFound
from orchestrator.storage.queries.keyset import page_by
from orchestrator.storage.tables import held_tasks, holds, job_steps

_SCOPE = ("site", "queue", "workflow", "owner")
_PART = ("site", "queue", "path_prefix", "path_prefix_b64")
"""What a hold of a part of a job names."""
_OPEN = holds.c.released_at.is_(None) & func.coalesce(holds.c.until > func.clock_timestamp(), True)


def list_holds(
    tx: Connection, limit: int, cursor: str | None = None, *, job: int | None = None, released: bool = False
) -> views.Page[views.Hold]:
    """Those that hold, the newest first; with ``released`` also those that no longer do."""
    query = select(holds)
    if not released:
        query = query.where(_OPEN)
    if job is not None:
        query = query.where(holds.c.job_id == job)
    return page_by(tx, query, holds.c.id, limit, cursor, _view, falling=True)


def read_hold(tx: Connection, hold_id: int) -> views.Hold:
    """One hold; NotFound when there is none."""
    row = tx.execute(select(holds).where(holds.c.id == hold_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no hold {hold_id}")
    return _view(row)


def holds_of(tx: Connection, jobs: Sequence[Row[Any]]) -> dict[int, list[views.Hold]]:
    """The open holds that stop some of each of these jobs, all of it or what it has at a site or in a queue."""
    if not jobs:
        return {}
    ids = [job.id for job in jobs]
    found = tx.execute(
        select(holds).where(_OPEN, or_(holds.c.job_id.is_(None), holds.c.job_id.in_(ids))).order_by(holds.c.id)
    ).all()
    if not found:
        return {}
    lanes: dict[int, set[tuple[str, str]]] = {job.id: {(job.site, job.queue)} for job in jobs}
    steps = select(job_steps.c.job_id, job_steps.c.site, job_steps.c.queue).where(job_steps.c.job_id.in_(ids))
    for step in tx.execute(steps.distinct()):
        lanes[step.job_id].add((step.site, step.queue))
    kept = _kept(tx, ids) if any(hold.keeps for hold in found) else set[tuple[int, int]]()
    return {job.id: [_view(hold) for hold in found if _holds(hold, job, lanes[job.id], kept)] for job in jobs}


def _kept(tx: Connection, jobs: Sequence[int]) -> set[tuple[int, int]]:
    """The jobs, each with a hold of a path prefix that keeps back some of its tasks."""
    query = select(held_tasks.c.job_id, held_tasks.c.hold_id).where(held_tasks.c.job_id.in_(jobs)).distinct()
    return {(row.job_id, row.hold_id) for row in tx.execute(query)}


def halted(tx: Connection, jobs: Sequence[Row[Any]]) -> set[int]:
    """Those of these jobs that people can not go on with: one waits for another, or a hold stops the whole of it."""
    held = holds_of(tx, jobs)
    whole = {id for id, some in held.items() if any(hold.scope.keys().isdisjoint(_PART) for hold in some)}
    return whole | {job.id for job in jobs if job.awaits > 0}


def _holds(hold: Row[Any], job: Row[Any], lanes: Iterable[tuple[str, str]], kept: Collection[tuple[int, int]]) -> bool:
    if hold.path_prefix is not None:
        return (job.id, hold.id) in kept
    whole = all(
        named is None or named == own
        for named, own in ((hold.job_id, job.id), (hold.workflow, job.workflow), (hold.owner, job.owner))
    )
    return whole and any(hold.site in (None, site) and hold.queue in (None, queue) for site, queue in lanes)


def _view(row: Row[Any]) -> views.Hold:
    scope = {name: getattr(row, name) for name in _SCOPE} | {"job": row.job_id}
    if row.path_prefix is not None:
        scope["path_prefix"], scope["path_prefix_b64"] = path_text(bytes(row.path_prefix))
    told = {name: getattr(row, name) for name in views.Hold.model_fields if name != "scope"}
    return views.Hold(scope={name: value for name, value in scope.items() if value is not None}, **told)
