"""How a group job goes on: the next task is chosen, its job made, its workflow started; and how it ends.

With ``advance: auto`` this happens by itself, in the transaction of what made it possible. What could not happen then,
because the group was held, is marked as due, and done by the hub. Whoever calls has the group job's row locked.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from orchestrator.domain.batch_job import RUNNING, JobState
from orchestrator.domain.task_group import GROUP_JOB, STATUSES, TASK_JOB, GroupEvent, TaskStatus, TaskStatusEvent
from orchestrator.errors import Refused
from orchestrator.services.hold import HUB, is_held, release_ended
from orchestrator.services.submit import submit
from orchestrator.storage.history import record
from orchestrator.storage.tables import group_jobs, jobs
from orchestrator.storage.task_rows import (
    change,
    count_percent,
    make_job,
    open_rows,
    read_row,
    read_rows,
    set_group,
    set_reason,
    set_run,
)
from orchestrator.storage.transitions import move

_E = TaskStatusEvent
UNDER_WAY = frozenset({TaskStatus.READY, TaskStatus.WORKING})


def read_group(tx: Connection, group: int) -> Row[Any]:
    """A group job with what it has beside a job's own columns."""
    query = select(jobs, group_jobs).join(group_jobs, group_jobs.c.job_id == jobs.c.id).where(jobs.c.id == group)
    return tx.execute(query).one()


def advance(tx: Connection, group_id: int) -> None:
    """Let a group that goes on by itself do so, as far as it can now."""
    group, rows = read_group(tx, group_id), read_rows(tx, group_id)
    if group.advance != "auto" or group.state not in RUNNING or any(STATUSES[row.status] in UNDER_WAY for row in rows):
        return
    held = is_held(tx, group_id)
    if held != group.due:
        set_group(tx, group_id, due=held)
    if held:
        return
    row = choose(tx, group_id, rows, HUB)
    if row is None:
        finish(tx, group_id, GroupEvent.ALL_SUCCEEDED)
    else:
        begin(tx, group, row, HUB)


def choose(
    tx: Connection, group: int, rows: Sequence[Row[Any]], actor: str, comment: str | None = None
) -> Row[Any] | None:
    """Make the first row that waits the current task; None when none does."""
    row = next((row for row in rows if STATUSES[row.status] is TaskStatus.WAITING), None)
    if row is not None:
        TASK_JOB.fire(TaskStatus.WAITING, _E.CHOSEN)
    set_group(tx, group, current_task=None if row is None else row.id)
    reason = "none is left" if row is None else told(row)
    record(tx, group, GroupEvent.SET_NEXT_TASK, actor=actor, reason=reason, comment=comment)
    return row


def begin(tx: Connection, group: Row[Any], row: Row[Any], actor: str, comment: str | None = None) -> int:
    """Make the job of a task that waits, and start its workflow if it has one; the job's id."""
    values = {
        "parent_id": group.id,
        "name": row.label or row.task,
        "owner": group.owner,
        "priority": group.priority,
        "due_at": group.due_at,
        "extent": group.extent,
        "assignee": row.assignee,
        "assigned_group": row.assigned_group,
    }
    job = make_job(tx, row, values, actor)
    reason = f"{told(row)}: job {job}"
    record(tx, group.id, GroupEvent.CREATE_JOB_FOR_TASK, actor=actor, reason=reason, comment=comment)
    if row.run is not None:
        start_run(tx, row.id)
    return job


def start_run(tx: Connection, row_id: int) -> None:
    """Submit the workflow of an automatic task that is Ready; what can not be submitted has failed."""
    row = read_row(tx, row_id)
    group = read_group(tx, row.group_id)
    body = row.run | {"priority": group.priority}
    try:
        with tx.begin_nested():
            run = submit(tx, body, group.owner, parent=row.job_id).job_id
    except Refused as refused:
        work_began(tx, row, HUB)
        faults = "; ".join(f"{fault.place} {fault.reason}" for fault in refused.faults)
        run_failed(tx, row, f"its workflow could not be started: {refused.detail}: {faults}".rstrip(": "))
        return
    set_run(tx, row.id, run)
    record(tx, row.job_id, "RunStarted", actor=HUB, reason=f"job {run}")


def work_began(tx: Connection, row: Row[Any], actor: str, **told: Any) -> None:
    """Work on a task that is Ready has begun, and with it, maybe, that on its group."""
    change(tx, row, _E.START, actor, **told)
    state = JobState(read_group(tx, row.group_id).state)
    if state is JobState.PENDING:
        move(tx, GROUP_JOB, row.group_id, state, GroupEvent.TASK_STARTED, actor=actor, began=True)


def task_done(tx: Connection, row: Row[Any], actor: str, **told: Any) -> None:
    """A task is complete; its group goes on."""
    change(tx, row, _E.COMPLETE, actor, **told)
    set_reason(tx, row.job_id, None)
    release_ended(tx, [row.job_id])
    count_percent(tx, row.group_id)
    advance(tx, row.group_id)


def run_failed(tx: Connection, row: Row[Any], reason: str) -> None:
    """The workflow of a task that is Working has failed: a planner is needed, or the group has failed with it."""
    set_run(tx, row.id, None)
    set_reason(tx, row.job_id, reason)
    record(tx, row.job_id, "RunFailed", actor=HUB, reason=reason)
    if row.on_failure == "fail":
        finish(tx, row.group_id, GroupEvent.SOME_FAILED, reason=f"{told(row)}: {reason}")


def finish(tx: Connection, group_id: int, event: GroupEvent, *, actor: str = HUB, reason: str | None = None) -> None:
    """End a group, and with it whatever of it has not ended."""
    end_rows(tx, group_id, actor)
    state = JobState(read_group(tx, group_id).state)
    move(tx, GROUP_JOB, group_id, state, event, actor=actor, reason=reason)
    set_group(tx, group_id, current_task=None, due=False)
    release_ended(tx, [group_id])


def end_rows(tx: Connection, group_id: int, actor: str) -> None:
    """End the tasks of a group that have not ended, and their jobs; how much was done stays what it was."""
    rows = open_rows(read_rows(tx, group_id))
    for row in rows:
        change(tx, row, _E.GROUP_ENDED, actor)
    release_ended(tx, [row.job_id for row in rows if row.job_id is not None])


def told(row: Row[Any]) -> str:
    """A task, as histories name it."""
    return f"task {row.id}, {row.task}"
