"""Emptying a job that is being cancelled: what waits becomes Cancelled, chunk by chunk, beside others' work."""

from collections.abc import Iterable
from dataclasses import astuple
from typing import NamedTuple

from sqlalchemy import Connection, text

from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.report import Died, Reports
from orchestrator.domain.cascade import Tally, ends
from orchestrator.domain.chain import STEP_MASK, batch_of, step_of
from orchestrator.domain.task import TASK, TaskEvent, TaskState
from orchestrator.services.lease import LEASE_S
from orchestrator.storage.counters import Deltas
from orchestrator.storage.transitions import TaskChange, change_tasks, give


class Stop(NamedTuple):
    """What runs of a job is to stop."""

    job: int
    grace_s: float
    sites: frozenset[str]


CHUNK = 5000
"""Tasks a turn: some tens of milliseconds."""

_JOBS = text("""
    select j.id, p.dequeued_to, p.open_tasks > p.out as waiting
    from jobs j join progress p on p.job_id = j.id
    where j.ended_at is null and j.state = 'Dequeuing' order by j.id for update of j
""")

_WAITING = text("""
    select t.id, t.rule, t.attempt, t.state, t.given, t.processed, t.skipped, t.failed, t.aborted, t.tries, t.crashes,
      t.passed_bits, (t.id & :mask) = (
        select max(step) from job_steps s where s.job_id = t.job_id and s.rule = t.rule
      ) as last
    from tasks t where t.job_id = :job and t.id > :after order by t.id limit :chunk
""")

_OUT = text("select h.task_id from parcels p join handouts h on h.parcel = p.id where p.job_id = :job")

_MOVE_ON = text("update progress set dequeued_to = :to where job_id = :job")
_FORGET = text("delete from ready where task_id = any(cast(:ids as bigint[]))")


def dequeue(tx: Connection, deltas: Deltas) -> tuple[set[int], bool]:
    """One chunk of every job that is being cancelled; these jobs, whose rows are locked, and whether there is more."""
    jobs = tx.execute(_JOBS).all()
    moved = [_chunk(tx, job.id, job.dequeued_to, deltas) for job in jobs if job.waiting]
    return {job.id for job in jobs}, any(moved)


def _chunk(tx: Connection, job: int, after: int, deltas: Deltas) -> bool:
    """Take out what waits among the next tasks; False when this came to the end and found nothing."""
    rows = tx.execute(_WAITING, {"job": job, "after": after, "chunk": CHUNK, "mask": STEP_MASK}).all()
    # The rest of a chain that a site is at ends with what the site says of it.
    out = {batch_of(task) for task in tx.execute(_OUT, {"job": job}).scalars()}
    # From the beginning again when the end is reached: what a site gave back has been passed over.
    tx.execute(_MOVE_ON, {"job": job, "to": rows[-1].id if len(rows) == CHUNK else 0})
    waiting = [row for row in rows if row.state == TaskState.PENDING and batch_of(row.id) not in out]
    end = TASK.fire(TaskState.PENDING, TaskEvent.CANCEL_REQUESTED)
    changes: list[TaskChange] = []
    given: dict[int, tuple[int, bytes | None]] = {}
    for row in waiting:
        tally, passed = Tally(row.processed, row.skipped, row.failed, row.aborted), row.passed_bits
        tried = {"tries": row.tries, "crashes": row.crashes, "passed": passed}
        changes.append(TaskChange(row.id, row.attempt, TaskState.PENDING, end, *astuple(tally), **tried))
        deltas.move((job, row.rule, step_of(row.id)), TaskState.PENDING, end)
        deltas.jobs[job]["open_tasks"] -= 1
        went_on = int.from_bytes(passed or b"", "little").bit_count()
        if went_on and not row.last:
            # Some of its paths had come through this step when the rest was to be tried again.
            given[row.id + 1] = went_on, passed
        came = row.given or given.get(row.id, (0,))[0]
        deltas.jobs[job].update(ends(end, tally, came, went_on, last=row.last)._asdict())
    give(tx, [(task, *some) for task, some in given.items()])
    change_tasks(tx, changes)
    failpoint("hub.dequeuing")
    tx.execute(_FORGET, {"ids": [row.id for row in waiting]})
    return bool(waiting) or len(rows) == CHUNK


_STOPPING = text("""
    select j.id, extract(epoch from j.dequeue_by - clock_timestamp())::float8 - :lease as grace_s,
      array(select distinct p.site from parcels p where p.job_id = j.id)
        || array(select d.site from discoveries d where d.job_id = j.id) as sites
    from jobs j where j.id = any(cast(:jobs as bigint[]))
""")


def stopping(tx: Connection, jobs: Iterable[int]) -> list[Stop]:
    """What is to be said to the sites about these jobs: stop, within so many seconds. Said until the job has ended."""
    rows = tx.execute(_STOPPING, {"jobs": sorted(jobs), "lease": LEASE_S})
    return [Stop(row.id, max(0.0, row.grace_s), frozenset(row.sites)) for row in rows]


_OVERDUE = text("""
    select h.task_id, h.attempt, p.site, coalesce(p.node, 'hub') as node
    from jobs j join parcels p on p.job_id = j.id join handouts h on h.parcel = p.id
    where j.ended_at is null and j.state = 'Dequeuing' and j.dequeue_by < clock_timestamp()
""")


def overdue(tx: Connection) -> list[Reports]:
    """Tasks of cancelled jobs whose grace is over, wherever they are: they count as stopped."""
    return [
        Reports(row.site, row.node, [Died(row.task_id, row.attempt, "did not stop in time")])
        for row in tx.execute(_OVERDUE)
    ]
