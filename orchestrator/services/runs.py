"""Hearing of the workflows that automatic tasks run, in the hub's transaction: they have begun, and they have ended.

A row knows the run that has not been heard of yet; so what is left to be done is read from rows, a hub that dies
between two of them leaves nothing out, and nothing is done twice.
"""

from sqlalchemy import Connection, text

from orchestrator.domain.batch_job import JobState
from orchestrator.domain.task_group import STATUSES, TASK_JOB, TaskStatus
from orchestrator.services.advance import advance, read_group, run_failed, task_done, work_began
from orchestrator.services.fire import locked
from orchestrator.services.group_control import drained
from orchestrator.services.hold import HUB
from orchestrator.storage.task_rows import read_row, set_run

GOING_ON = ("Pending", "Started", "Dequeuing")
"""The states of a group in which it is heard: nothing happens in one that is paused."""
NEWS = f"""
  from group_tasks t join jobs run on run.id = t.run_id join jobs g on g.id = t.group_id
  where t.run_id is not null and g.state in {GOING_ON}
    and (run.ended_at is not null or (t.status = 2 and run.started_at is not null))
"""
"""SQL: the rows of which there is something to be heard."""
DUE = "from group_jobs where due"
"""SQL: the groups that go on once nothing holds them."""
_NEWS = text(f"select t.id, t.job_id {NEWS} order by t.group_id, t.id limit 100")
_DUE = text(f"select job_id {DUE} order by job_id limit 100")
_RUN = text("select id, state, started_at, ended_at from jobs where id = :run")


def hear_runs(tx: Connection) -> None:
    """Move the tasks whose workflows have begun or ended, and let the groups that were held up go on.

    A group is locked before its tasks and their runs, as everybody else does it.
    """
    for news in tx.execute(_NEWS).all():
        locked(tx, news.job_id)
        _hear(tx, news.id)
    for group in tx.execute(_DUE).scalars().all():
        locked(tx, group)
        advance(tx, group)


def _hear(tx: Connection, row_id: int) -> None:
    row = read_row(tx, row_id)
    if row.run_id is None or read_group(tx, row.group_id).state not in GOING_ON:
        return
    run, status = tx.execute(_RUN, {"run": row.run_id}).one(), STATUSES[row.status]
    if status in TASK_JOB.terminal:  # the group is being cancelled, and the run was all that was left of it
        drained(tx, row.group_id)
        return
    if status is TaskStatus.READY:
        work_began(tx, row, HUB, at=run.started_at or run.ended_at)
        row = read_row(tx, row_id)
    if run.ended_at is None:
        return
    if run.state == JobState.SUCCESS:
        set_run(tx, row_id, None)
        task_done(tx, row, HUB, at=run.ended_at, reason=f"job {run.id} ended {run.state}")
    else:
        run_failed(tx, row, f"job {run.id}, its workflow, ended {run.state}")
