"""Emptying a job that is being cancelled: what waits becomes Cancelled, chunk by chunk, beside others' work."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import NamedTuple

from sqlalchemy import Connection, text

from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.report import Died, Reports
from orchestrator.domain.cascade import Tally, ends
from orchestrator.domain.chain import STEP_BITS, STEP_MASK, batch_of, step_of
from orchestrator.domain.task import TASK, TaskEvent, TaskState
from orchestrator.services.lapse import stop_claimed
from orchestrator.services.lease import LEASE_S
from orchestrator.storage.counters import Deltas
from orchestrator.storage.transitions import TaskChange, change_tasks, end_waiting, give


class Stop(NamedTuple):
    """What runs of a job is to stop."""

    job: int
    grace_s: float
    sites: frozenset[str]


CHUNK = 2000
"""Tasks a transaction, of all jobs together: some tens of milliseconds."""
_A_JOB = 250
"""What one job takes at least, as if it were so many tasks."""

_JOBS = text("""
    select j.id, p.dequeued_to, p.open_tasks - p.out as waiting, exists (select from asks where job_id = j.id) as asks
    from jobs j join progress p on p.job_id = j.id
    where j.ended_at is null and j.state = 'Dequeuing' and j.kind = 'batch' order by j.id for update of j skip locked
""")


def dequeue(tx: Connection) -> bool:
    """Take out some of the tasks of jobs that are being cancelled and that nobody else has locked; whether it did any.

    Small jobs go first, so that none of them waits for a large one.
    """
    deltas = Deltas()
    left, more = CHUNK, False
    for job in sorted(tx.execute(_JOBS).all(), key=lambda job: job.waiting):
        if job.asks and stop_claimed(tx, job.id):
            more = True  # first what people have, since the rest of its chain ends with it
        elif job.waiting and left > 0:
            looked_at, moved = _chunk(tx, job.id, job.dequeued_to, left, deltas)
            more = more or moved
            left -= max(looked_at, _A_JOB)
        else:
            more = more or job.waiting > 0
    deltas.write(tx)
    return more


def cancelled(tx: Connection) -> tuple[set[int], set[int]]:
    """The jobs that are being cancelled, and those of them that nobody empties just now, whose rows are locked."""
    return set(tx.execute(_CANCELLED).scalars()), set(tx.execute(_FREE).scalars())


_DEQUEUING = "select id from jobs where ended_at is null and state = 'Dequeuing' and kind = 'batch'"
_CANCELLED = text(_DEQUEUING)
_FREE = text(f"{_DEQUEUING} order by id for update skip locked")


# Beside what the chains that sites are at still have before them.
_ANY = text("""
    select open_tasks - out > (
      select count(*) from parcels p join handouts h on h.parcel = p.id
      join tasks t on t.id > h.task_id and t.id <= h.task_id | :mask
      where p.job_id = :job and t.state = 'Pending'
    ) from progress where job_id = :job
""")

_OUT = text("""
    select distinct h.task_id >> :bits from parcels p join handouts h on h.parcel = p.id where p.job_id = :job
""")

_NEXT = text("""
    select count(*) as n, max(id) as last,
      array_agg(id order by id) filter (where state = 'Pending' and settled_bits is not null) as parted
    from (
      select id, state, settled_bits from tasks where job_id = :job and id > :after order by id limit :most
    ) next
""")

_MOVE_ON = text("update progress set dequeued_to = :to where job_id = :job")

_FORGET_ASKS = text("delete from asks where job_id = :job and task_id > :after and task_id <= :last")
# What is ready, now or later, waits, and is nothing of a chain that a site is at.
_FORGET = text("""
    with put_off as (delete from later where job_id = :job and task_id > :after and task_id <= :last),
    put_aside as (delete from held_tasks where job_id = :job and task_id > :after and task_id <= :last)
    delete from ready using (select distinct site, queue, function from job_steps where job_id = :job) lane
    where ready.site = lane.site and ready.queue = lane.queue and ready.function = lane.function
      and ready.job_id = :job and ready.task_id > :after and ready.task_id <= :last
""")


def _chunk(tx: Connection, job: int, after: int, most: int, deltas: Deltas) -> tuple[int, bool]:
    """Take out what waits among the next tasks; how many were looked at, and False when the end is reached in vain."""
    if after == 0 and not tx.execute(_ANY, {"job": job, "mask": STEP_MASK}).scalar_one():
        return 0, False
    found = tx.execute(_NEXT, {"job": job, "after": after, "most": most}).one()
    full = found.n == most
    # From the beginning again when the end is reached: what a site gave back has been passed over.
    tx.execute(_MOVE_ON, {"job": job, "to": found.last if full else 0})
    # The rest of a chain that a site is at ends with what the site says of it.
    out = set(tx.execute(_OUT, {"job": job, "bits": STEP_BITS}).scalars())
    parted = [task for task in found.parted or () if batch_of(task) not in out]
    _end_parted(tx, job, parted, deltas)
    end = TASK.fire(TaskState.PENDING, TaskEvent.CANCEL_REQUESTED)
    untouched = end_waiting(tx, job, after, found.last, end, out)
    for some in untouched:
        deltas.move((job, some.rule, some.step), TaskState.PENDING, end, some.tasks)
        deltas.jobs[job].update(open_tasks=-some.tasks, cancelled=some.given)
    failpoint("hub.dequeuing")
    for forget in (_FORGET, _FORGET_ASKS):
        tx.execute(forget, {"job": job, "after": after, "last": found.last})
    return found.n, full or bool(parted or untouched)


_PARTED = text("""
    select t.id, t.rule, t.attempt, t.given, t.processed, t.skipped, t.failed, t.aborted, t.tries, t.crashes,
      t.passed_bits, (t.id & :mask) = (
        select max(step) from job_steps s where s.job_id = t.job_id and s.rule = t.rule
      ) as last
    from tasks t where t.id = any(cast(:tasks as bigint[])) order by t.id
""")


def _end_parted(tx: Connection, job: int, tasks: Sequence[int], deltas: Deltas) -> None:
    """End those of which some paths have their outcome already; what went on is given to the next, and stops there."""
    if not tasks:
        return
    end = TASK.fire(TaskState.PENDING, TaskEvent.CANCEL_REQUESTED)
    changes: list[TaskChange] = []
    given: list[tuple[int, int, bytes | None]] = []
    for row in tx.execute(_PARTED, {"tasks": tasks, "mask": STEP_MASK}):
        tally, passed = Tally(row.processed, row.skipped, row.failed, row.aborted), row.passed_bits
        tried = {"tries": row.tries, "crashes": row.crashes, "passed": passed}
        changes.append(TaskChange(row.id, row.attempt, TaskState.PENDING, end, *astuple(tally), **tried))
        deltas.move((job, row.rule, step_of(row.id)), TaskState.PENDING, end)
        deltas.jobs[job]["open_tasks"] -= 1
        went_on = int.from_bytes(passed or b"", "little").bit_count()
        if went_on and not row.last:
            given.append((row.id + 1, went_on, passed))
        deltas.jobs[job].update(ends(end, tally, row.given, went_on, last=row.last)._asdict())
    give(tx, given)
    change_tasks(tx, changes)


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
