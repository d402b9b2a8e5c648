"""Task groups and the lists of their jobs, as they are seen, and how long their tasks took."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from orchestrator.contracts import views
from orchestrator.domain.kinds import Kind
from orchestrator.domain.percent import duration_s, durations
from orchestrator.domain.task_group import STATUSES, TaskStatus
from orchestrator.errors import NotFound
from orchestrator.storage.queries.keyset import page_by
from orchestrator.storage.tables import group_jobs, group_tasks, jobs, task_groups

MOST_TASKS = 100_000
"""Complete tasks that one report is made of; the newest."""


def list_definitions(tx: Connection, limit: int, cursor: str | None = None) -> views.Page[views.TaskGroup]:
    """Every task group, by name."""
    return page_by(tx, select(task_groups), task_groups.c.name, limit, cursor, _definition)


def read_definition(tx: Connection, name: str) -> views.TaskGroup:
    """One task group; NotFound when there is none."""
    row = tx.execute(select(task_groups).where(task_groups.c.name == name)).one_or_none()
    if row is None:
        raise NotFound(f"there is no task group {name!r}")
    return _definition(row)


def read_list(tx: Connection, group: int) -> views.TaskList:
    """The task list of a group job; NotFound when there is no such job, or it is none."""
    query = select(group_jobs).join(jobs, jobs.c.id == group_jobs.c.job_id)
    own = tx.execute(query.where(jobs.c.id == group, jobs.c.pruned_at.is_(None))).one_or_none()
    if own is None:
        raise NotFound(f"there is no {Kind.GROUP} job {group}")
    rows = select(group_tasks, jobs.c.claimed_by, jobs.c.reason).outerjoin(jobs, jobs.c.id == group_tasks.c.job_id)
    items = tx.execute(rows.where(group_tasks.c.group_id == group).order_by(group_tasks.c.order)).all()
    return views.TaskList(
        items=[_task(row) for row in items], current_task=own.current_task, percent_complete=own.percent_complete
    )


def read_durations(
    tx: Connection,
    *,
    task_group: str | None = None,
    group: int | None = None,
    after: datetime | None = None,
    before: datetime | None = None,
) -> views.DurationReport:
    """How long complete tasks took, by stage and by person: those of one definition, of one group job, of some time."""
    t = group_tasks.c
    query = select(group_tasks).where(t.status == TaskStatus.COMPLETE.code, t.started_at.is_not(None))
    for wanted in (
        task_group is not None and t.task_group == task_group,
        group is not None and t.group_id == group,
        after is not None and t.ended_at >= after,
        before is not None and t.ended_at < before,
    ):
        query = query if wanted is False else query.where(wanted)
    return _report(tx.execute(query.order_by(t.id.desc()).limit(MOST_TASKS)).all())


def _report(rows: Sequence[Row[Any]]) -> views.DurationReport:
    stages: defaultdict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    persons: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        stages[row.task_group, row.task].append(row)
        persons[row.started_by].append(row)
    return views.DurationReport(
        stages=[
            views.StageReport(task_group=name, task=task, **_summed(some), by_person=_by_person(some))
            for (name, task), some in sorted(stages.items())
        ],
        persons=[views.PersonReport(person=person, **_summed(some)) for person, some in sorted(persons.items())],
    )


def _summed(rows: Sequence[Row[Any]]) -> dict[str, Any]:
    sums = durations(list(_seconds(rows)))
    return {"count": sums.count, "median_s": sums.median_s, "total_s": sums.total_s}


def _by_person(rows: Sequence[Row[Any]]) -> dict[str, float]:
    totals: defaultdict[str, float] = defaultdict(float)
    for row, seconds in zip(rows, _seconds(rows), strict=True):
        totals[row.started_by] += seconds
    return dict(sorted(totals.items()))


def _seconds(rows: Sequence[Row[Any]]) -> Iterator[float]:
    return (duration_s(row.started_at, row.ended_at) or 0.0 for row in rows)


def _definition(row: Row[Any]) -> views.TaskGroup:
    return views.TaskGroup.model_validate({name: getattr(row, name) for name in views.TaskGroup.model_fields})


def _task(row: Row[Any]) -> views.GroupTask:
    own = {name: getattr(row, name) for name in views.GroupTask.model_fields if name in group_tasks.c}
    status = STATUSES[row.status]
    told: dict[str, Any] = {
        "status": status,
        "code": status.code,
        "assignee": row.claimed_by or row.assignee,
        "group": row.assigned_group,
        "workflow": row.run and row.run["workflow"],
        "reason": row.reason,
        "duration_s": duration_s(row.started_at, row.ended_at) if status is TaskStatus.COMPLETE else None,
    }
    return views.GroupTask(**own | told)
