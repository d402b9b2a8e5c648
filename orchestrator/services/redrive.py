"""Redriving a job: a new one, linked to it, that takes over what did not succeed, from the step at which it stopped.

Here the new job is only made; the hub takes the paths over, in chunks (take_over.py), so that asking is quick
whatever there is to do.
"""

import json

from sqlalchemy import Connection, text

from orchestrator.contracts.control import Asked
from orchestrator.contracts.paths import PathList, pack
from orchestrator.contracts.redrive import RedriveAsked
from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.errors import Conflict, IllegalTransition, NotFound
from orchestrator.storage.audit import audit
from orchestrator.storage.history import record


def sources(tx: Connection, job: int) -> list[int]:
    """The job, whose row is then locked, and its redrives, which all have ended and are kept until this is done.

    NotFound, IllegalTransition while the job itself goes on, Conflict while a redrive of it does, and of a dry run.
    """
    row = tx.execute(_LOCK, {"job": job}).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job}")
    if row.dry:
        raise Conflict(f"job {job} is a dry run: nothing of it was to be run")
    if row.state not in BATCH_JOB.terminal:
        raise IllegalTransition(BATCH_JOB.name, row.state, "redrive", BATCH_JOB.legal(row.state))
    family = tx.execute(_FAMILY, {"job": job}).all()
    if alive := [one.id for one in family if one.ended_at is None]:
        raise Conflict(f"job {alive[0]} redrives it already, and has not ended")
    return [one.id for one in family]


def retry(tx: Connection, task: int, asked: Asked, actor: str) -> int:
    """Try what stopped in one task again, by a redrive of its job with that alone; the new job.

    A task that has ended stays as it ended. Conflict when it has nothing left; else as ``sources`` says.
    """
    job = tx.execute(_JOB_OF, {"task": task}).scalar_one_or_none()
    if job is None:
        raise NotFound(f"there is no task {task}")
    family = sources(tx, job)
    left = tx.execute(_LEFT_OF, {"task": task}).one()
    if not left.here:
        said = f"job {left.taken_by} has taken that over already" if left.taken_by else f"it ended {left.state}"
        raise Conflict(f"nothing of task {task} is left to be tried again: {said}")
    return redrive(tx, job, family, RedriveAsked(tasks=[task], reason=asked.reason), actor)


def redrive(tx: Connection, job: int, family: list[int], asked: RedriveAsked, actor: str) -> int:
    """Make the new job, which takes over what is left of these (``sources``). Conflict when nothing is left at all."""
    if not tx.execute(_ANYTHING, {"jobs": family}).scalar_one():
        raise Conflict(f"nothing of job {job} is left to be redriven")
    spec = json.dumps(asked.kept | {"sources": family})
    new: int = tx.execute(_JOB, {"job": job, "owner": actor, "spec": spec}).scalar_one()
    nothing = pack(PathList([]))
    for statement in (_STEPS, _DISCOVERY, _WALK, _PROGRESS):
        tx.execute(statement, {"job": job, "new": new, "input": nothing})
    event, state = BATCH_JOB.start
    why = f": {asked.reason}" if asked.reason else ""
    record(tx, new, event, actor=actor, after=state, reason=f"redrive of job {job}{why}")
    record(tx, job, "Redriven", actor=actor, reason=f"by job {new}{why}")
    audit(tx, actor, "job.Redriven", f"job {job}", asked.reason, {"by": new})
    return new


_LOCK = text("""
    select state, exists (select from forecasts where job_id = :job) as dry from jobs
    where id = :job and kind = 'batch' and pruned_at is null for update
""")
_FAMILY = text("""
    with recursive family as (
      select id from jobs where id = :job
      union all
      select j.id from jobs j join family f on j.redrive_of = f.id
    )
    select id, ended_at from jobs where id in (select id from family) and pruned_at is null order by id for share
""")
_ANYTHING = text("""
    select exists (select from tasks where job_id = any(cast(:jobs as bigint[]))
        and stopped in ('Failure', 'Cancelled') and redriven_by is null)
      or exists (select from outcomes where job_id = any(cast(:jobs as bigint[]))
        and outcome in ('failed', 'aborted') and redriven_by is null)
      or exists (select from walks w join jobs j on j.id = w.job_id where j.id = any(cast(:jobs as bigint[]))
        and w.state <> 'Closed' and not (w.by_hub and j.redrive is not null) and w.redriven_by is null)
""")
_JOB_OF = text("""
    select t.job_id from tasks t join jobs j on j.id = t.job_id where t.id = :task and j.pruned_at is null
""")
_LEFT_OF = text("""
    select t.state,
      t.stopped in ('Failure', 'Cancelled') and t.redriven_by is null or exists (
        select from outcomes o where o.job_id = t.job_id and o.task_id = t.id and t.state <> 'Failure'
          and o.outcome in ('failed', 'aborted') and o.redriven_by is null) as here,
      coalesce(t.redriven_by, (select max(o.redriven_by) from outcomes o
        where o.job_id = t.job_id and o.task_id = t.id)) as taken_by
    from tasks t where t.id = :task
""")
_JOB = text("""
    insert into jobs (name, workflow, workflow_version, site, queue, priority, owner, fields, state, limits,
      max_running, redrive_of, redrive)
    select name, workflow, workflow_version, site, queue, priority, :owner, fields, 'Pending', limits,
      max_running, id, cast(:spec as jsonb)
    from jobs where id = :job
    returning id
""")
_STEPS = text("""
    insert into job_steps (job_id, rule, step, action, label, site, queue, function, params, options, waits)
    select :new, rule, step, action, label, site, queue, function, params, options, waits
    from job_steps where job_id = :job
""")
_DISCOVERY = text("""
    insert into discoveries (job_id, method, options, rules, site, queue, memory, state, waiting)
    select :new, method, options, rules, site, queue, memory, 'Waiting', 1 from discoveries where job_id = :job
""")
_WALK = text("insert into walks (job_id, subtree, input, state, by_hub) values (:new, 0, :input, 'Waiting', true)")
_PROGRESS = text("insert into progress (job_id) values (:new)")
