"""Pausing, resuming and cancelling a job: one short transaction each, whatever the size of the job.

What nobody has claimed is taken back from the sites before anything is committed; from then on nothing of the job can
be claimed. Asking again for what is so already changes nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import msgspec
from sqlalchemy import Connection, text

from orchestrator.domain.batch_job import BATCH_JOB, JobEvent, JobState
from orchestrator.errors import NotFound
from orchestrator.services.lease import LEASE_S
from orchestrator.services.settle import settle
from orchestrator.storage.transitions import move_job

GRACE_S = 30.0
"""How long a running task may take to stop before its process is killed."""

Revoke = Callable[[str, int, Sequence[str]], set[str]]
"""``(site, job, messages)``: take the job's permit and its unclaimed messages back; those that were taken back."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was with the sites when it was asked for."""

    queued: int
    """Taken back before anybody had claimed them."""
    running: int


class Wish(Enum):
    """What is asked for: the event, and the states in which it is so already."""

    PAUSE = (JobEvent.PAUSE_REQUESTED, frozenset({JobState.PAUSING, JobState.PAUSED}))
    RESUME = (JobEvent.RESUMED, frozenset({JobState.PENDING, JobState.STARTED}))
    CANCEL = (JobEvent.CANCEL_REQUESTED, frozenset({JobState.DEQUEUING, JobState.CANCELLED}))

    @property
    def event(self) -> JobEvent:
        """What is fired."""
        return self.value[0]

    @property
    def already(self) -> frozenset[JobState]:
        """Where asking again changes nothing."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Locked:
    """A job whose row is locked, and that can be asked for this."""

    id: int
    state: JobState
    begun: bool
    so_already: bool


def locked(tx: Connection, job: int, wish: Wish) -> Locked:
    """Lock the job. NotFound when there is none, IllegalTransition when it is past what is wished for."""
    row = tx.execute(_LOCK, {"job": job}).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job}")
    found = Locked(job, JobState(row.state), row.begun, JobState(row.state) in wish.already)
    if not found.so_already:
        BATCH_JOB.fire(found.state, wish.event)
    return found


_LOCK = text("""
    select state, started_at is not null as begun from jobs
    where id = :job and kind = 'batch' and pruned_at is null for update
""")


def pause(tx: Connection, job: Locked, actor: str, reason: str | None, revoke: Revoke) -> None:
    """Stop handing out; what is claimed is finished."""
    if not job.so_already:
        move_job(tx, job.id, job.state, JobEvent.PAUSE_REQUESTED, actor=actor, reason=reason)
        _take_back(tx, job.id, revoke)
        settle(tx, [job.id])


def resume(tx: Connection, job: Locked, actor: str, reason: str | None) -> None:
    """Go on where it was."""
    if not job.so_already:
        event = JobEvent.RESUMED if job.begun else JobEvent.RESUMED_UNSTARTED
        move_job(tx, job.id, job.state, event, actor=actor, reason=reason)


def cancel(
    tx: Connection, job: Locked, actor: str, reason: str | None, revoke: Revoke, *, grace_s: float = GRACE_S
) -> None:
    """Take it out of the queues; what runs has so long to stop, and is told so by the hub."""
    if job.state is JobState.CANCELLED:
        return
    if not job.so_already:
        move_job(tx, job.id, job.state, JobEvent.CANCEL_REQUESTED, actor=actor, reason=reason)
        taken = _take_back(tx, job.id, revoke)
        waiting = tx.execute(_OPEN, {"job": job.id}).scalar_one() - taken.running - taken.queued
        receipt = {"waiting": waiting, "queued": taken.queued, "running": taken.running}
        tx.execute(_RECEIPT, {"job": job.id, "receipt": msgspec.json.encode(receipt).decode()})
    tx.execute(_DEQUEUE_BY, {"job": job.id, "grace": grace_s + LEASE_S})


_OPEN = text("select open_tasks from progress where job_id = :job")
_RECEIPT = text("update jobs set receipt = cast(:receipt as jsonb) where id = :job")
_DEQUEUE_BY = text("""
    update jobs set dequeue_by = least(dequeue_by, clock_timestamp() + make_interval(secs => :grace)) where id = :job
""")
_SITES = text("""
    select site from job_steps where job_id = :job and function <> 'people'
    union select site from discoveries where job_id = :job
""")


def _sites(tx: Connection, job: int) -> frozenset[str]:
    return frozenset(tx.execute(_SITES, {"job": job}).scalars())


_PARCELS = text("""
    select p.id, p.site, count(*) as tasks from parcels p join handouts h on h.parcel = p.id
    where p.job_id = :job group by p.id, p.site order by p.id
""")
_ORDERS = text("""
    select w.order_id as id, d.site from walks w join discoveries d on d.job_id = w.job_id
    where w.job_id = :job and w.ended_at is null and w.state = 'Waiting' and w.handed_at is not null
""")


def _take_back(tx: Connection, job: int, revoke: Revoke) -> Taken:
    """Revoke at every site; what was not claimed is ready again, and waits."""
    parcels, orders = tx.execute(_PARCELS, {"job": job}).all(), tx.execute(_ORDERS, {"job": job}).all()
    messages: defaultdict[str, list[str]] = defaultdict(list)
    for row in (*parcels, *orders):
        messages[row.site].append(row.id)
    back: set[str] = set()
    for site in sorted(_sites(tx, job)):
        back |= revoke(site, job, messages[site])
    if back:
        tx.execute(_RETURN_TASKS, {"ids": sorted(back), "job": job})
        tx.execute(_FORGET_PARCELS, {"ids": sorted(back)})
        tx.execute(_RETURN_WALKS, {"ids": sorted(back), "job": job})
    queued = sum(row.tasks for row in parcels if row.id in back)
    return Taken(queued, sum(row.tasks for row in parcels) - queued)


_RETURN_TASKS = text("""
    with back as (
      delete from handouts where parcel = any(cast(:ids as text[])) returning task_id, parcel
    ),
    counted as (
      update progress set out = out - (select count(*) from back) where job_id = :job
    )
    insert into ready (site, queue, function, job_id, task_id)
    select p.site, p.queue, p.function, p.job_id, back.task_id from back join parcels p on p.id = back.parcel
""")

_FORGET_PARCELS = text("delete from parcels where id = any(cast(:ids as text[]))")

_RETURN_WALKS = text("""
    update walks set handed_at = null
    where job_id = :job and order_id = any(cast(:ids as text[])) and state = 'Waiting'
""")
