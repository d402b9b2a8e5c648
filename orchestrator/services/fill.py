"""Filling a job: what a walker found becomes batches, chains of tasks, and first steps that are ready."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from orchestrator.contracts.batch import Batch, Found
from orchestrator.domain.batch_job import BATCH_JOB, JobState
from orchestrator.domain.chain import STEP_MASK, task_id
from orchestrator.domain.discovery import DISCOVERY, DiscoveryEvent, DiscoveryState
from orchestrator.domain.task import TaskState
from orchestrator.services.failures import Failures
from orchestrator.storage import tables
from orchestrator.storage.copy import copy_in
from orchestrator.storage.counters import Deltas
from orchestrator.storage.transitions import WalkChange, change_walks

_OVER = DISCOVERY.terminal | {DiscoveryState.STOPPED}

Plan = dict[tuple[int, int], tuple[int, tuple[str, str, str] | None]]
"""(job, rule) -> (steps of its chain, the lane of the first, or None when that waits for the end of discovery)."""


@dataclass(slots=True)
class Walk:
    """A walk as this turn finds it, and as it leaves it."""

    job: int
    subtree: int
    job_state: JobState
    site: str
    method: str
    attempt: int
    state: DiscoveryState
    sequence: int
    cursor: bytes | None
    was: DiscoveryState
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

    chains: list[tuple[Walk, int, Found]] = field(default_factory=list[tuple[Walk, int, Found]])
    """(walk, sequence, what was found)."""
    shed: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    """(job, what the new walk starts from)."""
    late: list[Batch] = field(default_factory=list[Batch])


def fill(tx: Connection, batches: Sequence[Batch], deltas: Deltas, failures: Failures) -> dict[tuple[int, int], Walk]:
    """Apply batches in the order they came; the jobs' rows are locked. Returns the walks that were heard of."""
    if not batches:
        return {}
    walks, plan = _read_walks(tx, batches), _read_plan(tx, batches)
    filling = Filling()
    for batch in batches:
        if all((batch.job, found.rule) in plan for found in batch.found):
            _take(batch, walks.get((batch.job, batch.subtree)), filling, deltas, failures)
        else:
            filling.late.append(batch)
    touched = [walk for walk in walks.values() if walk.touched]
    for walk in touched:
        counter = deltas.walks[walk.job]
        counter[walk.was] -= 1
        counter[walk.state] += 1
    change_walks(tx, [_change(walk) for walk in touched])
    _write_chains(tx, filling.chains, plan, deltas)
    _write_shed(tx, filling.shed, deltas)
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
    if batch.node != walk.worker or (batch.sequence and batch.sequence != walk.sequence + 1):
        filling.late.append(batch)
        return
    if batch.sequence:
        walk.sequence, walk.cursor, walk.touched = batch.sequence, batch.cursor, True
        if walk.job_state not in BATCH_JOB.terminal and walk.job_state is not JobState.DEQUEUING:
            _keep(batch, walk, filling, deltas, failures)
    _end(batch, walk)


def _keep(batch: Batch, walk: Walk, filling: Filling, deltas: Deltas, failures: Failures) -> None:
    job = deltas.jobs[walk.job]
    filling.chains += ((walk, batch.sequence, found) for found in batch.found)
    filling.shed += ((walk.job, shed.input) for shed in batch.shed)
    job["unmatched"] += batch.unmatched
    job["total"] += sum(found.n for found in batch.found) + len(batch.troubles)
    job["failed"] += len(batch.troubles)
    job["troubles"] += len(batch.troubles)
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
    select w.job_id, w.subtree, j.state as job_state, d.site, d.method, w.attempt, w.state, w.sequence, w.cursor,
      w.worker
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
            row.job_id, row.subtree, JobState(row.job_state), row.site, row.method, row.attempt,
            DiscoveryState(row.state), row.sequence, row.cursor, DiscoveryState(row.state), row.worker,
        )
        for row in rows
    }  # fmt: skip


_PLAN = text("""
    select s.job_id, s.rule, s.site, s.queue, s.function, s.waits,
      (select count(*) from job_steps c where c.job_id = s.job_id and c.rule = s.rule) as steps
    from job_steps s where s.job_id = any(:jobs) and s.step = 0
""")


def _read_plan(tx: Connection, batches: Iterable[Batch]) -> Plan:
    rows = tx.execute(_PLAN, {"jobs": sorted({batch.job for batch in batches})})
    return {
        (row.job_id, row.rule): (row.steps, None if row.waits else (row.site, row.queue, row.function)) for row in rows
    }


def _write_chains(tx: Connection, chains: Sequence[tuple[Walk, int, Found]], plan: Plan, deltas: Deltas) -> None:
    if not chains:
        return
    ids = tx.execute(_IDS, {"n": len(chains)}).scalars().all()
    batch_rows: list[tuple[Any, ...]] = []
    task_rows: list[tuple[Any, ...]] = []
    ready_rows: list[tuple[Any, ...]] = []
    for id, (walk, sequence, found) in zip(ids, chains, strict=True):
        steps, lane = plan[walk.job, found.rule]
        batch_rows.append((id, walk.job, found.rule, walk.subtree, sequence, found.n, found.paths))
        first = task_id(id, 0)
        task_rows.append((first, walk.job, found.rule, TaskState.PENDING, found.n))
        task_rows += ((first + step, walk.job, found.rule, TaskState.PENDING, 0) for step in range(1, steps))
        if lane is not None:
            ready_rows.append((*lane, walk.job, first))
        deltas.jobs[walk.job]["open_tasks"] += steps
        for step in range(steps):
            deltas.steps[walk.job, found.rule, step][TaskState.PENDING] += 1
    copy_in(tx, tables.batches, ("id", "job_id", "rule", "subtree", "sequence", "n", "paths"), batch_rows)
    copy_in(tx, tables.tasks, ("id", "job_id", "rule", "state", "given"), task_rows)
    copy_in(tx, tables.ready, ("site", "queue", "function", "job_id", "task_id"), ready_rows)


def release(tx: Connection, jobs: Iterable[int]) -> None:
    """Discovery of these jobs has ended: what waited for that is ready. Once a job, over its tasks of such steps."""
    tx.execute(_RELEASE, {"jobs": sorted(set(jobs)), "mask": STEP_MASK})


_RELEASE = text("""
    insert into ready (site, queue, function, job_id, task_id)
    select s.site, s.queue, s.function, t.job_id, t.id
    from job_steps s
    join discoveries d on d.job_id = s.job_id and d.state in ('Closed', 'Broken')
    join tasks t on t.job_id = s.job_id and t.rule = s.rule and (t.id & :mask) = s.step
    where s.job_id = any(cast(:jobs as bigint[])) and s.waits and t.state = 'Pending' and t.given > 0 and t.attempt = 0
    on conflict do nothing
""")

_IDS = text("select nextval('batches_id_seq') from generate_series(1, :n)")

_NEW_WALKS = text("""
    insert into walks (job_id, subtree, input, state)
    select u.job, coalesce((select max(subtree) + 1 from walks where job_id = u.job), 0) + u.place, u.input, 'Waiting'
    from unnest(cast(:job as bigint[]), cast(:place as int[]), cast(:input as bytea[])) as u(job, place, input)
""")


def _write_shed(tx: Connection, shed: Sequence[tuple[int, bytes]], deltas: Deltas) -> None:
    if not shed:
        return
    place: defaultdict[int, int] = defaultdict(int)
    rows: list[tuple[int, int, bytes]] = []
    for job, input in shed:
        rows.append((job, place[job], input))
        place[job] += 1
        deltas.walks[job][DiscoveryState.WAITING] += 1
    job, places, inputs = zip(*rows, strict=True)
    tx.execute(_NEW_WALKS, {"job": list(job), "place": list(places), "input": list(inputs)})


def _write_late(tx: Connection, late: Sequence[Batch]) -> None:
    rows = [
        (0, batch.attempt, batch.site, batch.node, f"batch {batch.sequence} of job {batch.job}", "outdated")
        for batch in late
    ]
    if rows:
        copy_in(tx, tables.stale_reports, ("task_id", "attempt", "site", "node", "said", "reason"), rows)
