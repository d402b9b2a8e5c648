"""Which jobs are meant: by what they are, and when they were made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from orchestrator.domain.edit_job import EditState
from orchestrator.storage.tables import jobs


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs: those that match one value of every filter that has any."""

    state: Sequence[str] = ()
    workflow: Sequence[str] = ()
    site: Sequence[str] = ()
    owner: Sequence[str] = ()
    kind: Sequence[str] = ()
    parent: int | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    id: Sequence[int] = ()
    archived: bool = False
    """Those that are archived as well; they are also found by their state or their parent."""


def select_jobs(tx: Connection, wanted: JobFilter, limit: int, after: int | None) -> Sequence[Row[Any]]:
    """The ids, kinds, states, sites and workflows of up to so many jobs behind this one, the oldest first."""
    rows: Select[Any] = select(*(jobs.c[name] for name in ("id", "kind", "state", "site", "workflow")))
    query = matching(rows.where(jobs.c.pruned_at.is_(None)), wanted)
    if after is not None:
        query = query.where(jobs.c.id > after)
    return tx.execute(query.order_by(jobs.c.id).limit(limit)).all()


def matching(query: Select[Any], wanted: JobFilter) -> Select[Any]:
    """The query with the filter's conditions on ``jobs``."""
    for name in ("id", "state", "workflow", "site", "owner", "kind"):
        if values := getattr(wanted, name):
            query = query.where(jobs.c[name].in_(values))
    if not wanted.archived and wanted.parent is None and EditState.ARCHIVED not in wanted.state:
        query = query.where(jobs.c.state != EditState.ARCHIVED)
    if wanted.parent is not None:
        query = query.where(jobs.c.parent_id == wanted.parent)
    if wanted.created_after is not None:
        query = query.where(jobs.c.created_at > wanted.created_after)
    if wanted.created_before is not None:
        query = query.where(jobs.c.created_at < wanted.created_before)
    return query
