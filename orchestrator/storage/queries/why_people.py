"""Why jobs do not move where it is a matter of people: whose turn it is, who is at it, and who is asked."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from orchestrator.contracts.views import Cause
from orchestrator.domain.chain import STEP_MASK
from orchestrator.domain.kinds import EDITS, ENDS, Kind
from orchestrator.domain.task_group import STATUSES, TaskStatus
from orchestrator.storage.queries.why_edits import edit_causes

WHEN = "%Y-%m-%d %H:%M:%S UTC"
_GROUP = text("""
    select g.advance, g.due, t.id, t.task, t.status, t.job_id,
      (select count(*) from group_tasks where group_id = g.job_id) as rows
    from group_jobs g left join group_tasks t on t.id = g.current_task where g.job_id = :job
""")
_TASK = text("""
    select t.status, t.run is not null as automatic, t.run_id, j.assignee, j.assigned_group, j.claimed_by, j.reason
    from group_tasks t join jobs j on j.id = t.job_id where t.job_id = :job
""")
_CANCELLING = text("""
    select t.run_id from group_tasks t where t.group_id = :job and t.run_id is not null
""")


def people_causes(tx: Connection, job: Row[Any]) -> Iterator[Cause]:
    """The causes that are a matter of people, for the kinds of job that have them."""
    if job.state in ENDS:
        return
    if job.kind == Kind.GROUP:
        yield from _group(tx, job)
    elif job.kind == Kind.TASK:
        yield from _task(tx, job)
    elif job.kind in EDITS:
        yield from edit_causes(tx, job)


def _group(tx: Connection, job: Row[Any]) -> Iterator[Cause]:
    if job.state == "Dequeuing":
        run = tx.execute(_CANCELLING, {"job": job.id}).scalar()
        detail = f"job {job.id} is being cancelled, and job {run}, which runs for it, is being stopped"
        yield Cause(cause="dequeuing", detail=detail, frees=f"the end of job {run}; orchestrator why {run}")
        return
    row = tx.execute(_GROUP, {"job": job.id}).one()
    status = None if row.status is None else STATUSES[row.status]
    if status in (TaskStatus.READY, TaskStatus.WORKING):
        detail = f"it is the turn of task {row.id}, {row.task}, which is {status}"
        yield Cause(cause="waits_for_task", detail=detail, frees=f"job {row.job_id}: orchestrator why {row.job_id}")
    elif row.advance == "manual":
        tool = "task-list" if not row.rows else "task-job" if status is TaskStatus.WAITING else "next-task"
        detail = "it is led by hand, and nobody has called the next tool"
        yield Cause(cause="waits_for_planner", detail=detail, frees=f"orchestrator group {tool} {job.id}")


def _task(tx: Connection, job: Row[Any]) -> Iterator[Cause]:
    row = tx.execute(_TASK, {"job": job.id}).one()
    if row.run_id is not None:
        detail = f"its workflow runs as job {row.run_id}"
        yield Cause(cause="runs", detail=detail, frees=f"the end of job {row.run_id}: orchestrator why {row.run_id}")
    elif row.automatic:
        frees = f"orchestrator do {job.id} retry, or: orchestrator do {job.id} complete"
        yield Cause(cause="run_failed", detail=row.reason or "its workflow failed", frees=frees)
    elif row.claimed_by is not None:
        detail = f"{row.claimed_by} is at it since {job.started_at:{WHEN}}"
        yield Cause(cause="at_work", detail=detail, frees=f"{row.claimed_by}: orchestrator do {job.id} complete")
    else:
        names = [row.assignee, row.assigned_group and f"the group {row.assigned_group}"]
        whom = " or ".join(filter(None, names)) or "a planner: it is assigned to nobody"
        frees = f"somebody who begins it: orchestrator do {job.id} start"
        yield Cause(cause="waits_for_people", detail=f"it waits for {whom}", frees=frees)


_PEOPLE = text("""
    select a.group_name, s.action, count(*) as n, count(a.claimed_by) as claimed, min(a.due_at) as due_at,
      (array_agg(distinct a.claimed_by) filter (where a.claimed_by is not null))[1:5] as claimed_by
    from (select * from asks where job_id = :job order by task_id limit 10000) a
    join job_steps s on s.job_id = a.job_id and s.rule = a.rule and s.step = (a.task_id & :mask)
    group by a.group_name, s.action order by a.group_name, s.action
""")


def asked_people(tx: Connection, row: Row[Any]) -> Iterator[Cause]:
    """Who is asked, and has not answered yet."""
    for asked in tx.execute(_PEOPLE, {"job": row.id, "mask": STEP_MASK}):
        what = f"{asked.n:,} tasks of {asked.action}" if asked.n > 1 else f"a task of {asked.action}"
        detail = f"{what} {'wait' if asked.n > 1 else 'waits'} for {anyone(asked.group_name)}"
        if asked.claimed:
            detail += f"; {asked.claimed:,} are claimed by {', '.join(asked.claimed_by)}"
        yield Cause(cause="waits_for_people", detail=detail, frees=decision(asked.group_name, asked.due_at))


def anyone(group: str) -> str:
    """Who is asked; no group is everybody."""
    return f"somebody of the group {group}" if group else "a worker, whoever that may be"


def decision(group: str, due_at: datetime | None) -> str:
    """What frees a task that waits for people."""
    worklist = f"orchestrator worklist --group {group}" if group else "orchestrator worklist"
    return f"their decision: {worklist}" + (f"; at {due_at:{WHEN}} its default is taken" if due_at else "")
