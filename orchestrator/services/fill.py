"""Filling a job: what a walker found becomes batches, chains of tasks, and first steps that are ready."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, text

from orchestrator.contracts.batch import Batch
from orchestrator.domain.batch_job import BATCH_JOB, JobState
from orchestrator.domain.discovery import DISCOVERY, DiscoveryEvent, DiscoveryState
from orchestrator.services.chains import Chain, Plan, write_chains
from orchestrator.services.compare import Seen, compare
from orchestrator.services.failures import Failures
from orchestrator.storage import tables, tally
from orchestrator.storage.copy import copy_in
from orchestrator.storage.counters import Deltas
from orchestrator.storage.transitions import WalkChange, change_walks

_OVER = DISCOVERY.terminal | {DiscoveryState.STOPPED}


@dataclass(slots=True)
class Walk:
    """A walk as this turn finds it, and as it leaves it."""

    job: int
    subtree: int
    job_state: JobState
    site: str
    method: str
    order: str
    """The message by which it was handed out."""
    attempt: int
    state: DiscoveryState
    sequence: int
    cursor: bytes | None
    was: DiscoveryState
    remembers: bool
    """It looks for changes."""
    worker: str | None = None
    reason: str | None = None
    touched: bool = False

    def fire(self, event: DiscoveryEvent) -> None:
        """Move on, by the machine."""
        self.state = DISCOVERY.fire(self.state, event)
        self.touched = True


@dataclass(slots=True)
class Filling:
    """What this turn adds, before it is written."""

    chains: list[Chain] = field(default_factory=list[Chain])
    shed: "list[NewWalk]" = field(default_factory=list["NewWalk"])
    late: list[Batch] = field(default_factory=list[Batch])
    seen: list[Seen] = field(default_factory=list[Seen])


def fill(
    tx: Connection, batches: Sequence[Batch], plan: Plan, deltas: Deltas, failures: Failures
) -> dict[tuple[int, int], Walk]:
    """Apply batches in the order they came; the jobs' rows are locked. Returns the walks that were heard of."""
    if not batches:
        return {}
    walks, filling = _read_walks(tx, batches), Filling()
    for batch in batches:
        if all((batch.job, found.rule) in plan for found in batch.found):
            _take(batch, walks.get((batch.job, batch.subtree)), filling, deltas, failures)
        else:
            filling.late.append(batch)
    touched = [walk for walk in walks.values() if walk.touched]
    for walk in touched:
        deltas.move_walk(walk.job, walk.was, walk.state)
    change_walks(tx, [_change(walk) for walk in touched])
    write_chains(tx, filling.chains + compare(tx, filling.seen, deltas), plan, deltas)
    add_walks(tx, filling.shed, deltas)
    _write_late(tx, filling.late)
    return {key: walk for key, walk in walks.items() if walk.touched}


def _take(batch: Batch, walk: Walk | None, filling: Filling, deltas: Deltas, failures: Failures) -> None:
    """Decide about one entry: it counts when its walk, attempt and number are the ones that are due."""
    if walk is None or batch.attempt != walk.attempt or walk.state in _OVER or batch.site != walk.site:
        filling.late.append(batch)
        return
    if walk.state is DiscoveryState.WAITING:
        walk.fire(DiscoveryEvent.BEGUN)
        walk.worker = batch.node
    if batch.node == walk.worker and batch.sequence > walk.sequence + (0 if batch.asks else 1):
        # What it sent before that is lost, with Redis's memory, and nobody sends it again: from the cursor, then.
        walk.fire(DiscoveryEvent.HALTED)
    if walk.state in _OVER or batch.asks:
        return
    if batch.node != walk.worker or (batch.sequence and batch.sequence != walk.sequence + 1):
        filling.late.append(batch)
        return
    if batch.sequence:
        walk.sequence, walk.cursor, walk.touched = batch.sequence, batch.cursor, True
        if walk.job_state not in BATCH_JOB.terminal and walk.job_state is not JobState.DEQUEUING:
            _keep(batch, walk, filling, deltas, failures)
    _end(batch, walk)


def _keep(batch: Batch, walk: Walk, filling: Filling, deltas: Deltas, failures: Failures) -> None:
    filling.chains += (
        Chain(walk.job, found.rule, walk.subtree, batch.sequence, found.n, found.paths, place=place)
        for place, found in enumerate(batch.found)
    )
    if batch.seen is not None and walk.remembers:
        filling.seen.append(Seen(walk.job, walk.subtree, batch.sequence, batch.seen))
    filling.shed += (NewWalk(walk.job, shed.input) for shed in batch.shed)
    troubles = len(batch.troubles)
    deltas.jobs[walk.job].update(unmatched=batch.unmatched, total=troubles, failed=troubles, troubles=troubles)
    for place, trouble in enumerate(batch.troubles):
        failures.trouble(walk, (batch.subtree << 40) + (batch.sequence << 12) + place, trouble)


def _end(batch: Batch, walk: Walk) -> None:
    if batch.broken is not None:
        walk.reason = batch.broken
        walk.fire(DiscoveryEvent.BROKE)
    elif batch.closed:
        walk.fire(DiscoveryEvent.EXHAUSTED)
    elif batch.stopped:
        walk.fire(DiscoveryEvent.HALTED)


def _change(walk: Walk) -> WalkChange:
    return WalkChange(
        walk.job, walk.subtree, walk.attempt, walk.was, walk.state, walk.sequence, walk.cursor, walk.worker, walk.reason
    )


_READ = text("""
    select w.job_id, w.subtree, j.state as job_state, d.site, d.method, w.order_id, w.attempt, w.state, w.sequence,
      w.cursor, w.worker, d.memory is not null as remembers
    from unnest(cast(:job as bigint[]), cast(:subtree as int[])) as u(job, subtree)
    join walks w on w.job_id = u.job and w.subtree = u.subtree
    join discoveries d on d.job_id = w.job_id
    join jobs j on j.id = w.job_id
""")


def _read_walks(tx: Connection, batches: Iterable[Batch]) -> dict[tuple[int, int], Walk]:
    keys = sorted({(batch.job, batch.subtree) for batch in batches})
    rows = tx.execute(_READ, {"job": [job for job, _ in keys], "subtree": [subtree for _, subtree in keys]})
    return {
        (row.job_id, row.subtree): Walk(
            row.job_id, row.subtree, JobState(row.job_state), row.site, row.method, row.order_id, row.attempt,
            DiscoveryState(row.state), row.sequence, row.cursor, DiscoveryState(row.state), row.remembers,
            row.worker,
        )
        for row in rows
    }  # fmt: skip


class NewWalk(NamedTuple):
    """A walk that is added to a discovery that goes on."""

    job: int
    input: bytes
    """What it starts from, packed."""
    cursor: bytes | None = None


_NEW_WALKS = text("""
    insert into walks (job_id, subtree, input, cursor, state)
    select u.job, coalesce((select max(subtree) + 1 from walks where job_id = u.job), 0) + u.place, u.input, u.cursor,
      'Waiting'
    from unnest(cast(:job as bigint[]), cast(:place as int[]), cast(:input as bytea[]), cast(:cursor as bytea[]))
      as u(job, place, input, cursor)
""")


def add_walks(tx: Connection, new: Sequence[NewWalk], deltas: Deltas) -> None:
    """Add them; their jobs' rows are locked."""
    if not new:
        return
    place: defaultdict[int, int] = defaultdict(int)
    places: list[int] = []
    for walk in new:
        places.append(place[walk.job])
        place[walk.job] += 1
        deltas.walks[walk.job][DiscoveryState.WAITING] += 1
    job, input, cursor = map(list, zip(*new, strict=True))
    tx.execute(_NEW_WALKS, {"job": job, "place": places, "input": input, "cursor": cursor})


def _write_late(tx: Connection, late: Sequence[Batch]) -> None:
    rows = [
        (0, batch.attempt, batch.site, batch.node, f"batch {batch.sequence} of job {batch.job}", "outdated")
        for batch in late
    ]
    if rows:
        copy_in(tx, tables.stale_reports, ("task_id", "attempt", "site", "node", "said", "reason"), rows)
        tally.add(tx, Counter(("late", batch.site) for batch in late))
