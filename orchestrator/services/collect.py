"""Collecting results: what the sites report becomes states, counters, and what is to be done next.

Read what the reports are about, decide in memory with the machine (late is a value: it is kept aside), write once.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from orchestrator.contracts.paths import count
from orchestrator.contracts.report import Ended, Item, Problem, Reports, Returned, Started, TaskError
from orchestrator.domain.cascade import Onward, Tally, broken_by, ending, onward
from orchestrator.domain.chain import STEP_BITS, STEP_MASK, step_of
from orchestrator.domain.task import TASK, TaskEvent, TaskState
from orchestrator.services.failures import Failures
from orchestrator.storage import tables
from orchestrator.storage.copy import copy_in
from orchestrator.storage.counters import Deltas
from orchestrator.storage.transitions import TaskChange, change_tasks, give


@dataclass(slots=True)
class Task:
    """A task that is with a site, as this turn finds it, and as it leaves it."""

    id: int
    job: int
    rule: int
    action: str
    attempt: int
    was: TaskState
    state: TaskState
    given: int
    given_bits: bytes | None
    batch_size: int
    site: str
    last_step: int
    started: bool = False
    returned: bool = False
    tally: Tally = field(default_factory=Tally)
    error: TaskError | None = None
    worker: str | None = None
    seconds: float = 0.0
    passed: int = 0
    passed_bits: bytes | None = None
    carry: bytes | None = None

    @property
    def step(self) -> int:
        """Its place in the chain."""
        return step_of(self.id)

    def fire(self, event: TaskEvent) -> None:
        """Move on, by the machine."""
        self.state = TASK.fire(self.state, event)


@dataclass(slots=True)
class Late:
    """A report that changes nothing any more."""

    site: str
    node: str
    item: Item
    reason: str


def collect(tx: Connection, reports: Sequence[Reports], deltas: Deltas, failures: Failures) -> set[int]:
    """Apply reports in the order they came; the rows of their jobs are locked. Returns jobs of which a task began."""
    items = [(report.site, report.node, item) for report in reports for item in report.items]
    if not items:
        return set()
    tasks = _read_tasks(tx, {item.task for _, _, item in items})
    late: list[Late] = []
    for site, node, item in items:
        if reason := _take(tasks.get(item.task), site, node, item, failures):
            late.append(Late(site, node, item, reason))
    _write(tx, [task for task in tasks.values() if task.state is not task.was or task.returned], deltas)
    _write_late(tx, late)
    return {task.job for task in tasks.values() if task.started}


def _take(task: Task | None, site: str, node: str, item: Item, failures: Failures) -> str | None:
    """Decide about one report; the reason when it comes late."""
    if task is None:
        return "not with a site"
    if task.site != site:
        return f"handed to {task.site}, not to {site}"
    if item.attempt != task.attempt:
        return f"attempt {item.attempt}, while {task.attempt} is current"
    if task.state in TASK.terminal or task.returned:
        return "handed back" if task.returned else f"already {task.state}"
    match item:
        case Started():
            if task.state is TaskState.STARTED:
                return "already Started"
            _claim(task, node)
        case Ended():
            if task.state is TaskState.PENDING:
                _claim(task, node)
            _end(task, node, item, failures)
        case Returned():
            task.fire(TaskEvent.RETURNED)
            task.returned = True
    return None


def _claim(task: Task, node: str) -> None:
    task.fire(TaskEvent.CLAIMED)
    task.started, task.worker = True, node


def _end(task: Task, node: str, said: Ended, failures: Failures) -> None:
    """Write down how it ended; the report is input from elsewhere, so what does not add up is a Failure."""
    task.seconds, task.carry = said.seconds, said.carry
    tally = Tally(said.processed, said.skipped, said.failed, said.aborted)
    passed_bits = task.given_bits if said.passed is None else said.passed
    passed = tally.given if said.passed is None else count(said.passed, task.batch_size)
    error = said.error
    if error is None and not (_adds_up(task, tally, passed, passed_bits) and _fit(task, tally, said.problems)):
        error = TaskError("BadReport", f"the site's report does not add up: {tally} of {task.given} paths")
    if error is not None:
        task.error, task.tally = error, Tally(failed=task.given)
        task.fire(TaskEvent.CRASHED)
        failures.task(task.job, task.rule, task.step, task.action, node, error, task.given)
        return
    task.tally, task.passed, task.passed_bits = tally, passed, passed_bits
    task.fire(ending(tally))
    for problem in said.problems:
        failures.path(task.job, task.id, task.rule, task.step, task.action, node, problem)


def _adds_up(task: Task, tally: Tally, passed: int, passed_bits: bytes | None) -> bool:
    if min(tally.processed, tally.skipped, tally.failed, tally.aborted) < 0 or tally.given != task.given:
        return False
    if not tally.processed <= passed <= tally.processed + tally.skipped:
        return False
    if passed_bits is None or passed_bits is task.given_bits:
        return True
    given = (1 << task.batch_size) - 1 if task.given_bits is None else int.from_bytes(task.given_bits, "little")
    return not int.from_bytes(passed_bits, "little") & ~given


def _fit(task: Task, tally: Tally, problems: Sequence[Problem]) -> bool:
    """One problem for each path that was not processed, each with a path of its own."""
    outcomes = Counter(problem.outcome for problem in problems)
    indices = {problem.index for problem in problems}
    return (
        outcomes == Counter(failed=tally.failed, aborted=tally.aborted, skipped=tally.skipped)
        and len(indices) == len(problems)
        and all(0 <= index < task.batch_size for index in indices)
    )


_READ = text("""
    select t.id, t.job_id, t.rule, t.attempt, t.state, t.given, t.given_bits, b.n, h.site, s.action,
      (select max(step) from job_steps l where l.job_id = t.job_id and l.rule = t.rule) as last_step
    from handouts h
    join tasks t on t.id = h.task_id and t.attempt = h.attempt
    join batches b on b.id = t.id >> :bits
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    where h.task_id = any(:ids)
""")


def _read_tasks(tx: Connection, ids: Iterable[int]) -> dict[int, Task]:
    rows = tx.execute(_READ, {"ids": list(ids), "bits": STEP_BITS, "mask": STEP_MASK})
    return {
        row.id: Task(
            row.id, row.job_id, row.rule, row.action, row.attempt, TaskState(row.state), TaskState(row.state),
            row.given, row.given_bits, row.n, row.site, row.last_step,
        )
        for row in rows
    }  # fmt: skip


def _write(tx: Connection, touched: Sequence[Task], deltas: Deltas) -> None:
    changes: list[TaskChange] = []
    given: list[tuple[int, int, bytes | None]] = []
    carried: list[tuple[int, bytes]] = []
    for task in touched:
        changes.append(_change(task))
        if task.state is not task.was:
            deltas.move((task.job, task.rule, task.step), task.was, task.state)
        if task.state in TASK.terminal:
            _count_end(task, deltas)
            _cascade(task, changes, given, carried, deltas)
    change_tasks(tx, changes)
    give(tx, given)
    if carried:
        copy_in(tx, tables.carries, ("task_id", "carry"), carried)
    _take_back(tx, [task for task in touched if task.state is not TaskState.STARTED], deltas)
    tx.execute(_CLAIMED, {"ids": [task.id for task in touched if task.state is TaskState.STARTED]})
    tx.execute(
        _READY, {"ids": [row[0] for row in given] + [task.id for task in touched if task.returned], "mask": STEP_MASK}
    )


_CLAIMED = text("update handouts set claimed_at = clock_timestamp() where task_id = any(cast(:ids as bigint[]))")

_READY = text("""
    insert into ready (site, queue, function, job_id, task_id)
    select s.site, s.queue, s.function, t.job_id, t.id
    from tasks t
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    join discoveries d on d.job_id = t.job_id
    where t.id = any(cast(:ids as bigint[])) and (not s.waits or d.state in ('Closed', 'Broken'))
""")

_TAKE_BACK = text("delete from handouts where task_id = any(cast(:ids as bigint[]))")


def _take_back(tx: Connection, over: Sequence[Task], deltas: Deltas) -> None:
    """They are no longer with a site."""
    for task in over:
        deltas.jobs[task.job]["out"] -= 1
    tx.execute(_TAKE_BACK, {"ids": [task.id for task in over]})


def _change(task: Task) -> TaskChange:
    return TaskChange(
        task.id, task.attempt, task.was, task.state,
        task.tally.processed, task.tally.skipped, task.tally.failed, task.tally.aborted,
        None if task.error is None else _error(task.error),
        task.worker, task.started, task.seconds,
    )  # fmt: skip


def _error(error: TaskError) -> str:
    fields = {"error_class": error.error_class, "message": error.message, "traceback": error.traceback}
    return msgspec.json.encode(
        {name: said.replace("\0", "\N{REPLACEMENT CHARACTER}") for name, said in fields.items()}
    ).decode()


def _count_end(task: Task, deltas: Deltas) -> None:
    """Each path is counted once: where it stopped, or when it has come through the whole chain."""
    job, tally = deltas.jobs[task.job], task.tally
    job["open_tasks"] -= 1
    job["failed"] += tally.failed
    job["aborted"] += tally.aborted
    if task.step == task.last_step:
        job["processed"] += tally.processed
        job["skipped"] += tally.skipped
    else:
        job["skipped"] += tally.processed + tally.skipped - task.passed
    if task.state in (TaskState.ERROR, TaskState.FAILURE):
        job["bad_tasks"] += 1


def _cascade(
    task: Task,
    changes: list[TaskChange],
    given: list[tuple[int, int, bytes | None]],
    carried: list[tuple[int, bytes]],
    deltas: Deltas,
) -> None:
    """What the end means for the later tasks of the chain, which all wait: they follow each other by id."""
    if task.step == task.last_step:
        return
    after = onward(task.state, task.passed)
    if after is Onward.ADVANCE:
        given.append((task.id + 1, task.passed, task.passed_bits))
        if task.carry is not None:
            carried.append((task.id + 1, task.carry))
        return
    event = TaskEvent.NOTHING_LEFT if after is Onward.SKIP else broken_by(task.state)
    end = TASK.fire(TaskState.PENDING, event)
    for step in range(task.step + 1, task.last_step + 1):
        changes.append(TaskChange(task.id - task.step + step, 0, TaskState.PENDING, end))
        deltas.move((task.job, task.rule, step), TaskState.PENDING, end)
        deltas.jobs[task.job]["open_tasks"] -= 1


def _write_late(tx: Connection, late: Sequence[Late]) -> None:
    rows: list[tuple[Any, ...]] = [
        (one.item.task, one.item.attempt, one.site, one.node, type(one.item).__name__, one.reason) for one in late
    ]
    if rows:
        copy_in(tx, tables.stale_reports, ("task_id", "attempt", "site", "node", "said", "reason"), rows)
