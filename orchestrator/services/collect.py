"""Collecting results: what the sites report becomes states, counters, and what is to be done next.

Read what the reports are about, decide in memory (decide.py), write once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, text

from orchestrator.contracts.paths import merge_carries, number, to_bits
from orchestrator.contracts.report import Item, Reports, TaskError
from orchestrator.domain.batch_job import JobState
from orchestrator.domain.cascade import Onward, Tally, broken_by, ends, onward
from orchestrator.domain.chain import STEP_BITS, STEP_MASK, batch_of
from orchestrator.domain.retry import policy_of
from orchestrator.domain.task import TASK, TaskEvent, TaskState
from orchestrator.services.decide import Task, take
from orchestrator.services.failures import Failures, blame
from orchestrator.storage import tables
from orchestrator.storage.copy import copy_in
from orchestrator.storage.counters import Deltas
from orchestrator.storage.transitions import TaskChange, change_tasks, give


@dataclass(frozen=True, slots=True)
class Late:
    """A report that changes nothing any more."""

    site: str
    node: str
    item: Item
    reason: str


@dataclass(slots=True)
class Writing:
    """What the turn's decisions come to, in rows."""

    changes: list[TaskChange] = field(default_factory=list[TaskChange])
    given: list[tuple[int, int, bytes | None]] = field(default_factory=list[tuple[int, int, bytes | None]])
    """(task, how many paths, which of the batch)."""
    carried: dict[int, bytes] = field(default_factory=dict[int, bytes])
    ready: dict[int, float | None] = field(default_factory=dict[int, float | None])
    """Task -> seconds from now before which it is not handed out."""


class Collected(NamedTuple):
    """What a turn's reports have told."""

    begun: frozenset[int] = frozenset()
    """Jobs of which a task began."""
    heard: Sequence[tuple[str, int]] = ()
    """(site, task) that were not known to be claimed before."""


def collect(tx: Connection, reports: Sequence[Reports], deltas: Deltas, failures: Failures) -> Collected:
    """Apply reports in the order they came; the rows of their jobs are locked."""
    items = [(report.site, report.node, item) for report in reports for item in report.items]
    if not items:
        return Collected()
    tasks = _read_tasks(tx, {item.task for _, _, item in items})
    late: list[Late] = []
    for site, node, item in items:
        if reason := take(tasks.get(item.task), site, node, item):
            late.append(Late(site, node, item, reason))
    touched = [task for task in tasks.values() if task.started or not task.out]
    _write(tx, touched, deltas)
    _write_failures(tx, touched, failures)
    _write_late(tx, late)
    return Collected(
        frozenset(task.job for task in touched if task.started),
        [(task.site, task.id) for task in touched if task.was is TaskState.PENDING],
    )


_READ = text("""
    select t.id, t.job_id, t.rule, t.attempt, t.state, t.given, t.given_bits, t.settled_bits, t.suspect_bits,
      t.passed_bits, t.processed, t.skipped, t.failed, t.aborted, t.tries, t.crashes,
      b.n, h.site, h.tried_bits, s.action, s.options -> 'retries' as retries, j.state as job_state,
      (select max(step) from job_steps l where l.job_id = t.job_id and l.rule = t.rule) as last_step
    from handouts h
    join tasks t on t.id = h.task_id and t.attempt = h.attempt
    join batches b on b.id = t.id >> :bits
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    join jobs j on j.id = t.job_id
    where h.task_id = any(:ids)
""")


def _read_tasks(tx: Connection, ids: Iterable[int]) -> dict[int, Task]:
    rows = tx.execute(_READ, {"ids": list(ids), "bits": STEP_BITS, "mask": STEP_MASK})
    return {row.id: _task(row) for row in rows}


def _task(row: Row[Any]) -> Task:
    state, given = TaskState(row.state), number(row.given_bits, row.n)
    return Task(
        id=row.id,
        job=row.job_id,
        rule=row.rule,
        action=row.action,
        site=row.site,
        last_step=row.last_step,
        batch_size=row.n,
        attempt=row.attempt,
        was=state,
        state=state,
        given=given,
        tried=given if row.tried_bits is None else number(row.tried_bits, row.n),
        settled=number(row.settled_bits or b"", row.n),
        suspects=number(row.suspect_bits or b"", row.n),
        passed=number(row.passed_bits or b"", row.n),
        tally=Tally(row.processed, row.skipped, row.failed, row.aborted),
        tries=row.tries,
        crashes=row.crashes,
        dequeuing=row.job_state == JobState.DEQUEUING,
        policy=policy_of(row.retries),
    )


def _write(tx: Connection, touched: Sequence[Task], deltas: Deltas) -> None:
    writing = Writing()
    for task in touched:
        writing.changes.append(_change(task))
        if task.state is not task.was:
            deltas.move((task.job, task.rule, task.step), task.was, task.state)
        if task.state in TASK.terminal:
            _count_end(task, deltas)
            _cascade(task, writing, deltas)
        elif not task.out:
            writing.ready[task.id] = task.run_after_s
        if task.carry is not None and task.step < task.last_step:
            writing.carried[task.id + 1] = task.carry
        if not task.out:
            deltas.jobs[task.job]["out"] -= 1
    give(tx, writing.given)
    change_tasks(tx, writing.changes)
    _write_carries(tx, writing.carried)
    tx.execute(_TAKE_BACK, {"ids": [task.id for task in touched if not task.out]})
    claimed = [task for task in touched if task.out]
    tx.execute(_CLAIMED, {"ids": [task.id for task in claimed], "nodes": [task.worker for task in claimed]})
    tx.execute(_READY, {"ids": list(writing.ready), "after": list(writing.ready.values()), "mask": STEP_MASK})


_CLAIMED = text("""
    update handouts set claimed_at = clock_timestamp(), heard_at = clock_timestamp(), node = u.node
    from unnest(cast(:ids as bigint[]), cast(:nodes as text[])) as u(id, node) where handouts.task_id = u.id
""")

_READY = text("""
    insert into ready (site, queue, function, job_id, task_id, run_after)
    select s.site, s.queue, s.function, t.job_id, t.id, clock_timestamp() + make_interval(secs => u.after)
    from unnest(cast(:ids as bigint[]), cast(:after as float8[])) as u(id, after)
    join tasks t on t.id = u.id
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    join discoveries d on d.job_id = t.job_id
    where not s.waits or d.state in ('Closed', 'Broken')
""")

_TAKE_BACK = text("delete from handouts where task_id = any(cast(:ids as bigint[]))")


def _change(task: Task) -> TaskChange:
    goes_on = task.state not in TASK.terminal
    kept = {
        "settled": task.settled if goes_on else 0,
        "suspects": task.suspects if goes_on else 0,
        # Of a cancelled task: what it had done until then, and what is left to do.
        "passed": task.passed if goes_on or task.state is TaskState.CANCELLED else 0,
    }
    bits = {name: to_bits(value, task.batch_size) if value else None for name, value in kept.items()}
    return TaskChange(
        task.id, task.attempt, task.was, task.state,
        task.tally.processed, task.tally.skipped, task.tally.failed, task.tally.aborted,
        None if task.error is None else _error(task.error),
        task.worker, task.started, task.seconds, task.tries, task.crashes, **bits,
    )  # fmt: skip


def _error(error: TaskError) -> str:
    fields = {"error_class": error.error_class, "message": error.message, "traceback": error.traceback}
    clean = {name: said.replace("\0", "\N{REPLACEMENT CHARACTER}") for name, said in fields.items()}
    return msgspec.json.encode(clean).decode()


def _count_end(task: Task, deltas: Deltas) -> None:
    job, last = deltas.jobs[task.job], task.step == task.last_step
    given, passed = task.given.bit_count(), task.passed.bit_count()
    job["open_tasks"] -= 1
    job.update(ends(task.state, task.tally, given, passed, last=last, called_off=task.dequeuing)._asdict())
    if task.state is TaskState.CANCELLED:
        job["stopped"] += task.was is TaskState.STARTED or task.started
    elif task.state in (TaskState.ERROR, TaskState.FAILURE):
        job["bad_tasks"] += 1


def _cascade(task: Task, writing: Writing, deltas: Deltas) -> None:
    """What the end means for the later tasks of the chain, which all wait: they follow each other by id."""
    if task.step == task.last_step:
        return
    after = onward(task.state, task.passed.bit_count(), called_off=task.dequeuing)
    if task.passed and task.state is not TaskState.FAILURE:
        # Also where the next task is cancelled at once: it is there that its paths came to a stop.
        passed = None if task.passed == (1 << task.batch_size) - 1 else to_bits(task.passed, task.batch_size)
        writing.given.append((task.id + 1, task.passed.bit_count(), passed))
    if after is Onward.ADVANCE:
        writing.ready[task.id + 1] = None
        return
    event = TaskEvent.NOTHING_LEFT if after is Onward.SKIP else broken_by(task.state)
    end = TASK.fire(TaskState.PENDING, event)
    for step in range(task.step + 1, task.last_step + 1):
        writing.changes.append(TaskChange(task.id - task.step + step, 0, TaskState.PENDING, end))
        deltas.move((task.job, task.rule, step), TaskState.PENDING, end)
        deltas.jobs[task.job]["open_tasks"] -= 1


_CARRIES = text("select task_id, carry from carries where task_id = any(cast(:ids as bigint[]))")

_KEEP_CARRIES = text("""
    insert into carries (task_id, carry)
    select * from unnest(cast(:ids as bigint[]), cast(:carries as bytea[]))
    on conflict (task_id) do update set carry = excluded.carry
""")


def _write_carries(tx: Connection, carried: dict[int, bytes]) -> None:
    """Keep names and notes for the next steps; those of an earlier part of the same task stay."""
    if not carried:
        return
    for row in tx.execute(_CARRIES, {"ids": list(carried)}):
        carried[row.task_id] = merge_carries(bytes(row.carry), carried[row.task_id])
    tx.execute(_KEEP_CARRIES, {"ids": list(carried), "carries": list(carried.values())})


_NAMES = text("""
    select b.paths, c.carry from batches b left join carries c on c.task_id = :task where b.id = :batch
""")


def _write_failures(tx: Connection, touched: Sequence[Task], failures: Failures) -> None:
    for task in touched:
        host = task.worker or task.site
        for problem in task.problems:
            failures.path(task.job, task.id, task.rule, task.step, task.action, host, problem)
        if task.error is not None:
            failures.task(task.job, task.rule, task.step, task.action, host, task.error, task.given.bit_count())
        if task.blamed:
            names = tx.execute(_NAMES, {"task": task.id, "batch": batch_of(task.id)}).one()
            for problem in blame(names.paths, names.carry, task.blamed):
                failures.path(task.job, task.id, task.rule, task.step, task.action, host, problem)


def _write_late(tx: Connection, late: Sequence[Late]) -> None:
    rows = [(one.item.task, one.item.attempt, one.site, one.node, type(one.item).__name__, one.reason) for one in late]
    if rows:
        copy_in(tx, tables.stale_reports, ("task_id", "attempt", "site", "node", "said", "reason"), rows)
