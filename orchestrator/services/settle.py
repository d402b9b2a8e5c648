"""Moving jobs on after their tasks: begun, and ended. Decided from counters, under the lock of the job's row."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, Row, text

from orchestrator.domain.batch_job import BATCH_JOB, JobEvent, JobState
from orchestrator.domain.cascade import JobView, job_event
from orchestrator.domain.discovery import DiscoveryState
from orchestrator.services.hold import release_ended
from orchestrator.storage.arrays import array
from orchestrator.storage.together import write
from orchestrator.storage.transitions import move_job

_LOCK = text("""
    select id from jobs where id = any(cast(:jobs as bigint[]) || array(
      select distinct p.job_id from handouts h join parcels p on p.id = h.parcel
      where h.task_id = any(cast(:tasks as bigint[]))
    )) order by id for update
""")

_READ = text("""
    select j.id, j.state, d.state as discovery, d.broken, p.open_tasks, p.bad_tasks, p.stopped, j.receipt,
      exists (select from holds h where h.job_id = j.id and h.released_at is null) as held,
      p.out + case when j.dequeue_by < clock_timestamp() then 0 else (
        select count(*) from walks w where w.job_id = j.id and w.ended_at is null and w.handed_at is not null
      ) end as out
    from jobs j join progress p on p.job_id = j.id join discoveries d on d.job_id = j.id
    where j.id = any(cast(:jobs as bigint[])) order by j.id
""")

_RECEIPT = text("""
    update jobs set receipt = coalesce(receipt, '{}') || jsonb_build_object(
      'stopped', cast(:stopped as bigint), 'finished', cast(:finished as bigint)
    ) where id = :job
""")


def _complete_receipt(tx: Connection, row: Row[Any]) -> None:
    """What had become of the running ones by the time that all was still."""
    running = int((row.receipt or {"running": 0})["running"])
    write(tx, _RECEIPT, {"job": row.id, "stopped": row.stopped, "finished": max(0, running - row.stopped)})


_WHY_BROKEN = text("select reason from walks where job_id = :job and state = 'Broken' order by subtree limit 1")


def lock(tx: Connection, jobs: Iterable[int], tasks: Iterable[int]) -> set[int]:
    """Lock the rows of these jobs, and of those whose tasks are with a site, always in the same order.

    First of all locks. Returns the jobs.
    """
    return set(tx.execute(_LOCK, {"jobs": sorted(set(jobs)), "tasks": array(set(tasks))}).scalars())


def no_longer_open(tx: Connection, jobs: Iterable[int]) -> set[int]:
    """Those of these jobs that have ended, whoever it was that ended them."""
    return set(tx.execute(_NO_LONGER_OPEN, {"jobs": sorted(set(jobs))}).scalars())


_NO_LONGER_OPEN = text("""
    select u.id from unnest(cast(:jobs as bigint[])) as u(id)
    where not exists (select from jobs j where j.id = u.id and j.ended_at is null)
""")


def settle(tx: Connection, jobs: Iterable[int], begun: Collection[int] = ()) -> list[int]:
    """Fire what is due for each of these locked jobs; the jobs that have ended by it."""
    ended: list[int] = []
    held: list[int] = []
    for row in tx.execute(_READ, {"jobs": sorted(set(jobs))}).all():
        state = JobState(row.state)
        if row.id in begun and state is JobState.PENDING:
            state = move_job(tx, row.id, state, JobEvent.TASK_STARTED)
        view = JobView(state, DiscoveryState(row.discovery), row.open_tasks, row.out, row.bad_tasks)
        if event := job_event(view):
            reason = tx.execute(_WHY_BROKEN, {"job": row.id}).scalar() if row.broken else None
            after = move_job(tx, row.id, state, event, reason=reason and f"discovery: {reason}")
            if after is JobState.CANCELLED:
                _complete_receipt(tx, row)
            if after in BATCH_JOB.terminal:
                ended.append(row.id)
                held += [row.id] if row.held else []
    release_ended(tx, held)
    return ended
