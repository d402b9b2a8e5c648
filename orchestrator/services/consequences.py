"""What was decided about tasks, in rows: themselves, the rest of their chains, and how the job counts them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from orchestrator.contracts.paths import to_bits
from orchestrator.contracts.report import TaskError
from orchestrator.domain.cascade import Onward, Tally, broken_by, ends, onward
from orchestrator.domain.chain import step_of
from orchestrator.domain.task import TASK, TaskEvent, TaskState
from orchestrator.services.chains import Plan
from orchestrator.services.decide import Task
from orchestrator.services.ready import Ready
from orchestrator.services.smooth import Smooth, end_of
from orchestrator.storage.counters import Deltas
from orchestrator.storage.transitions import EndedWell, TaskChange


class Given(NamedTuple):
    """Paths for a task whose turn has come."""

    task: int
    paths: int
    bits: bytes | None
    """Which of the batch; None = all."""


@dataclass(slots=True)
class Writing:
    """What the turn's decisions come to."""

    changes: list[TaskChange] = field(default_factory=list[TaskChange])
    given: list[Given] = field(default_factory=list[Given])
    carried: dict[int, bytes] = field(default_factory=dict[int, bytes])
    """Task -> names and notes."""
    ready: list[Ready] = field(default_factory=list[Ready])
    well: list[EndedWell] = field(default_factory=list[EndedWell])
    handed_on: list[int] = field(default_factory=list[int])
    """Those of which the next task is given what they were."""
    done: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """(task, parcel) that are with a site no more."""
    began: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    """Parcel -> the node that has begun with it."""

    def add(self, task: Task, deltas: Deltas) -> None:
        """A task about which something was decided."""
        self.changes.append(_change(task))
        if task.state is not task.was:
            deltas.move((task.job, task.rule, task.step), task.was, task.state)
        if task.state in TASK.terminal:
            _count_end(task, deltas)
            self._cascade(task, deltas)
        elif not task.out:
            self.ready.append(Ready(task.id, task.job, task.rule, task.run_after_s))
        if task.carry is not None and task.step < task.last_step:
            self.carried[task.id + 1] = task.carry
        if not task.parcel:  # done by people: it is with no site
            return
        if task.started:
            self.began[task.parcel] = task.worker
        if not task.out:
            self.done.append((task.id, task.parcel))
            deltas.jobs[task.job]["out"] -= 1

    def add_smooth(self, well: Mapping[int, Smooth], plan: Plan, deltas: Deltas) -> None:
        """Tasks that ended well: their steps and jobs count them together."""
        counted: defaultdict[tuple[int, int, int, str], list[int]] = defaultdict(lambda: [0, 0])
        for id, (row, node, seconds) in well.items():
            step = step_of(id)
            of_step = counted[row.job_id, row.rule, step, row.state]
            of_step[0] += 1
            of_step[1] += row.given
            self.well.append(EndedWell(id, row.attempt, node, seconds))
            self.done.append((id, row.parcel))
            self.began[row.parcel] = node
            if step + 1 < len(plan[row.job_id, row.rule]):
                self.handed_on.append(id)
                self.ready.append(Ready(id + 1, row.job_id, row.rule))
        for (job, rule, step, state), (tasks, paths) in counted.items():
            was = TaskState(state)
            end, last = end_of(was), step + 1 == len(plan[job, rule])
            deltas.move((job, rule, step), was, end, tasks)
            ended = ends(end, Tally(processed=paths), paths, paths, last=last)
            deltas.jobs[job].update(ended._asdict() | {"open_tasks": -tasks, "out": -tasks})

    def _cascade(self, task: Task, deltas: Deltas) -> None:
        """What the end means for the later tasks of the chain, which all wait: they follow each other by id."""
        if task.step == task.last_step:
            return
        passed = task.passed.bit_count()
        after = onward(task.state, passed, called_off=task.dequeuing)
        if passed and task.state is not TaskState.FAILURE:
            # Also where the next task is cancelled at once: it is there that its paths came to a stop.
            bits = None if passed == task.batch_size else to_bits(task.passed, task.batch_size)
            self.given.append(Given(task.id + 1, passed, bits))
        if after is Onward.ADVANCE:
            self.ready.append(Ready(task.id + 1, task.job, task.rule))
            return
        event = TaskEvent.NOTHING_LEFT if after is Onward.SKIP else broken_by(task.state)
        end = TASK.fire(TaskState.PENDING, event)
        for step in range(task.step + 1, task.last_step + 1):
            self.changes.append(TaskChange(task.id - task.step + step, 0, TaskState.PENDING, end))
            deltas.move((task.job, task.rule, step), TaskState.PENDING, end)
            deltas.jobs[task.job]["open_tasks"] -= 1


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
        job["stopped"] += task.claimed
    elif task.state in (TaskState.ERROR, TaskState.FAILURE):
        job["bad_tasks"] += 1
