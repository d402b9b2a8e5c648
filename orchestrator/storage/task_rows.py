"""The only writer of the rows of a group job's list: each status goes by the machine, and takes the task's job along.

Whoever calls has the rows of the group job, and of the task's own job, locked.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text, update

from orchestrator.contracts.task_group import TaskDefinition
from orchestrator.domain.percent import percent_complete
from orchestrator.domain.task_group import STATUSES, TASK_JOB, TaskStatus, TaskStatusEvent
from orchestrator.storage.history import record
from orchestrator.storage.tables import group_jobs, group_tasks, jobs
from orchestrator.storage.together import GuardFailed
from orchestrator.storage.transitions import move

_E = TaskStatusEvent


def read_rows(tx: Connection, group: int) -> Sequence[Row[Any]]:
    """The list, in order."""
    query = select(group_tasks).where(group_tasks.c.group_id == group).order_by(group_tasks.c.order)
    return tx.execute(query).all()


def read_row(tx: Connection, row: int) -> Row[Any]:
    """One of a list."""
    return tx.execute(select(group_tasks).where(group_tasks.c.id == row)).one()


def add_rows(
    tx: Connection, group: int, before: int, task_group: str, tasks: Sequence[TaskDefinition], actor: str
) -> None:
    """Write tasks as rows that wait, the first of them in the place ``before``; what was there moves on."""
    tx.execute(_MAKE_ROOM, {"group": group, "before": before, "by": len(tasks)})
    _, waiting = TASK_JOB.start
    tx.execute(
        insert(group_tasks),
        [
            {
                "group_id": group,
                "order": place,
                "task_group": task_group,
                "task": task.name,
                "label": task.label,
                "status": waiting.code,
                "assignee": task.assignee,
                "assigned_group": task.group,
                "run": task.run,
                "on_failure": task.on_failure,
                "effort": task.effort,
                "listed_by": actor,
            }
            for place, task in enumerate(tasks, before)
        ],
    )


_MAKE_ROOM = text("""
    update group_tasks set "order" = "order" + :by where group_id = :group and "order" >= :before
""")


def make_job(tx: Connection, row: Row[Any], values: dict[str, Any], actor: str) -> int:
    """The job of a task that waits, which is then Ready; its id. Its history begins with that of its row."""
    listed, waiting = TASK_JOB.start
    made = insert(jobs).values(kind="task", state=waiting, **values).returning(jobs.c.id)
    job: int = tx.execute(made).scalar_one()
    record(tx, job, listed, actor=row.listed_by, after=waiting)
    tx.execute(update(group_tasks).where(group_tasks.c.id == row.id).values(job_id=job))
    change(tx, row, _E.JOB_CREATED, actor, job_id=job)
    return job


def change(
    tx: Connection,
    row: Row[Any],
    event: TaskStatusEvent,
    actor: str,
    *,
    job_id: int | None = None,
    at: datetime | None = None,
    reason: str | None = None,
    comment: str | None = None,
) -> TaskStatus:
    """Fire an event at a row and at its job, with who did it and when (``at``, or now); what it then is.

    IllegalTransition when there is no edge.
    """
    before = STATUSES[row.status]
    after = TASK_JOB.fire(before, event)
    moment = at or tx.execute(text("select clock_timestamp()")).scalar_one()
    values: dict[str, Any] = {"status": after.code}
    if after is TaskStatus.WORKING:
        values |= {"started_at": moment, "started_by": actor}
    elif after is TaskStatus.READY:
        values |= {"started_at": None, "started_by": None}
    elif after in TASK_JOB.terminal:
        values |= {"ended_at": moment, "ended_by": actor}
    guarded = update(group_tasks).where(group_tasks.c.id == row.id, group_tasks.c.status == before.code)
    if tx.execute(guarded.values(values)).rowcount != 1:
        raise GuardFailed(f"task {row.id} is no longer {before}")
    job = job_id or row.job_id
    if job is not None:
        move(tx, TASK_JOB, job, before, event, actor=actor, reason=reason, comment=comment)
        own = {name: values[name] for name in ("started_at", "ended_at") if name in values}
        if "started_by" in values:
            own["claimed_by"] = values["started_by"] if row.run is None else None
        tx.execute(update(jobs).where(jobs.c.id == job).values(own))
    return after


def count_percent(tx: Connection, group: int) -> None:
    """Write how much of the group job is done by now."""
    rows = read_rows(tx, group)
    set_group(tx, group, percent_complete=percent_complete((STATUSES[row.status], row.effort) for row in rows))


def set_run(tx: Connection, row: int, run: int | None) -> None:
    """Which job runs an automatic task now; None once it has been heard of."""
    tx.execute(update(group_tasks).where(group_tasks.c.id == row).values(run_id=run))


def set_group(tx: Connection, group: int, **values: Any) -> None:
    """What a group job has beside a job's own columns: ``current_task``, ``due``, ``percent_complete``."""
    tx.execute(update(group_jobs).where(group_jobs.c.job_id == group).values(values))


def set_reason(tx: Connection, job: int, reason: str | None) -> None:
    """What keeps a task, as its job says it; None: nothing any more."""
    tx.execute(update(jobs).where(jobs.c.id == job).values(reason=reason))


def open_rows(rows: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Those of these that have not ended."""
    return [row for row in rows if STATUSES[row.status] not in TASK_JOB.terminal]
