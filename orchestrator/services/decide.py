"""What a report makes of a task. Decided in memory by the machine; late is a value, and nothing is written here."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import random

from orchestrator.contracts.report import Died, Ended, Item, Problem, Returned, Started, TaskError
from orchestrator.domain.cascade import Tally, ending
from orchestrator.domain.chain import step_of
from orchestrator.domain.halving import Hunt, culprit
from orchestrator.domain.retry import RetryPolicy
from orchestrator.domain.task import TASK, TaskEvent, TaskState

HUB = "hub"
"""Stands for a node where the hub itself concludes something."""
KILLER = TaskError("WorkerDied", "kills its worker")


@dataclass(slots=True, kw_only=True)
class Task:
    """A task that is with a site, as this turn finds it and leaves it. Sets of paths are numbers, a bit a path."""

    id: int
    job: int
    rule: int
    action: str
    site: str
    parcel: str
    """The message by which it is with the site; none of a task that people do."""
    claimed: bool
    """Somebody there has begun with that message."""
    last_step: int
    batch_size: int
    attempt: int
    was: TaskState
    given: int
    tried: int
    """Of these, what the present attempt handles."""
    dequeuing: bool = False
    """Its job is being cancelled: what would go back into the queue ends instead."""
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    tally: Tally = field(default_factory=Tally)
    settled: int = 0
    suspects: int = 0
    passed: int = 0
    tries: int = 0
    crashes: int = 0
    state: TaskState = TaskState.PENDING
    worker: str | None = None
    started: bool = False
    out: bool = True
    """Still with the site."""
    seconds: float = 0.0
    run_after_s: float | None = None
    error: TaskError | None = None
    carry: bytes | None = None
    problems: list[Problem] = field(default_factory=list[Problem])
    blamed: list[tuple[int, TaskError]] = field(default_factory=list[tuple[int, TaskError]])
    """Paths that failed without a report of their own: (which, why)."""

    @property
    def step(self) -> int:
        """Its place in the chain."""
        return step_of(self.id)

    @property
    def remaining(self) -> int:
        """What has no final outcome yet."""
        return self.given & ~self.settled

    def fire(self, event: TaskEvent) -> None:
        """Move on, by the machine; whatever follows a start but a start means that the site has it no more."""
        self.state = TASK.fire(self.state, event)
        self.out = event is TaskEvent.CLAIMED

    def back(self, event: TaskEvent) -> None:
        """Back into the queue by this event; or its end, when the job is being cancelled."""
        if not self.dequeuing:
            self.fire(event)
        else:
            running = self.state is TaskState.STARTED
            self.fire(TaskEvent.STOPPED if running else TaskEvent.CANCEL_REQUESTED)

    def settle(self, paths: int, tally: Tally) -> None:
        """These have their final outcome."""
        self.tally += tally
        hunt = Hunt(self.remaining, self.suspects).settled(paths)
        self.settled |= paths
        self.suspects = hunt.suspects

    def blame(self, paths: int, error: TaskError) -> None:
        """These failed for this reason."""
        self.blamed.append((paths, error))
        self.settle(paths, Tally(failed=paths.bit_count()))


def take(task: Task | None, site: str, node: str, item: Item) -> str | None:
    """Apply one report to its task; the reason when it comes late and changes nothing."""
    if task is None:
        return "not with a site"
    if task.site != site:
        return f"handed to {task.site}, not to {site}"
    if item.attempt != task.attempt:
        return f"attempt {item.attempt}, while {task.attempt} is current"
    if not task.out:
        return f"already {task.state}" if task.state in TASK.terminal else "handed back"
    match item:
        case Started():
            if task.state is TaskState.STARTED:
                return "already Started"
            _claim(task, node)
        case Returned():
            task.claimed = task.claimed or node != HUB
            task.back(TaskEvent.RETURNED)
        case Died():
            _begun(task, node)
            _died(task, item.error)
        case Ended():
            _begun(task, node)
            _ended(task, item)
    return None


def _claim(task: Task, node: str) -> None:
    task.fire(TaskEvent.CLAIMED)
    task.started, task.claimed, task.worker = True, True, node


def _begun(task: Task, node: str) -> None:
    if task.state is TaskState.PENDING:
        _claim(task, node)


def _died(task: Task, killed_for: TaskError | None) -> None:
    """Its process died: try it by halves; what is alone, and was killed or has seen enough deaths, is to blame."""
    task.crashes += 1
    if task.dequeuing or not culprit(task.tried, task.crashes, killed=killed_for is not None):
        task.suspects = Hunt(task.remaining, task.suspects).died(task.tried).suspects
        task.back(TaskEvent.PROCESS_DIED)
        return
    task.blame(task.tried, killed_for or KILLER)
    if task.remaining:
        task.fire(TaskEvent.PART_FINISHED)
    else:
        task.fire(TaskEvent.CRASHED_FOR_GOOD_IN_PART)


def _ended(task: Task, said: Ended) -> None:
    """Its handler came back; the report is input from elsewhere, so what does not add up is a Failure."""
    task.seconds, task.carry = said.seconds, said.carry
    tally = Tally(said.processed, said.skipped, said.failed, said.aborted)
    passed = task.tried if said.passed is None else int.from_bytes(said.passed, "little")
    error = said.error
    if said.stopped:
        _stopped(task, said, tally, passed)
        return
    if error is not None and said.late:
        _late(task, said, tally, passed, error)
        return
    if error is None and not (_adds_up(task, tally, passed) and _fit(task, tally, said.problems)):
        error = TaskError("BadReport", f"the site's report does not add up: {tally}, of {task.tried.bit_count()} paths")
    if error is not None:
        _failed(task, error)
        return
    again = _tried_again(task, said.problems)
    if again:
        tally = Tally(tally.processed, tally.skipped, tally.failed - again.bit_count(), tally.aborted)
    task.problems += (problem for problem in said.problems if not again >> problem.index & 1)
    task.passed |= passed
    task.settle(task.tried & ~again, tally)
    if task.remaining:
        task.back(TaskEvent.PART_FINISHED)
    else:
        task.fire(ending(task.tally))


def _stopped(task: Task, said: Ended, tally: Tally, passed: int) -> None:
    """It was told to stop, and did: what it says until then is kept, if the job is being cancelled at all."""
    if task.dequeuing:
        _keep(task, said, tally, passed)
    task.back(TaskEvent.RETURNED)


def _keep(task: Task, said: Ended, tally: Tally, passed: int) -> bool:
    """Keep what some of the tried paths have come to; False, and nothing is kept, where that does not add up."""
    if not tally.given or passed & ~task.tried or not _fit(task, tally, said.problems):
        return False
    done = passed
    for problem in said.problems:
        done |= 1 << problem.index
    if tally.given != done.bit_count():
        return False
    task.problems += said.problems
    task.passed |= passed
    task.settle(done, tally)
    return True


def _late(task: Task, said: Ended, tally: Tally, passed: int, error: TaskError) -> None:
    """Its time was over: what has an outcome keeps it and the rest goes on; a path that took all the time is to blame.

    The limit is a task's, so being at a path when it is over proves nothing, unless nothing was done before it.
    """
    if not _keep(task, said, tally, passed):
        if tally.given or task.tried.bit_count() == 1 or task.policy.again(task.tries, error.error_class):
            _failed(task, error)
            return
        if said.at >= 0 and task.tried >> said.at & 1:
            task.blame(1 << said.at, error)
        else:
            task.suspects = task.tried
    if task.remaining:
        task.back(TaskEvent.PART_FINISHED)
    else:
        task.fire(ending(task.tally))


def _failed(task: Task, error: TaskError) -> None:
    """An unexpected error: tried again by the policy; else a Failure, or that of the tried paths where these are some.

    Some of them are tried when others have their outcome already, or are tried apart to find the one that kills.
    """
    if task.policy.again(task.tries, error.error_class):
        _pause(task)
        task.back(TaskEvent.ATTEMPT_FAILED)
    elif task.tried == task.given:
        task.error, task.tally = error, Tally(failed=task.given.bit_count())
        task.fire(TaskEvent.CRASHED)
    else:
        task.blame(task.tried, error)
        if task.remaining:
            task.back(TaskEvent.PART_FINISHED)
        else:
            task.fire(ending(task.tally))


def _tried_again(task: Task, problems: Sequence[Problem]) -> int:
    """Which of the failed paths the policy tries again."""
    if not task.policy.failed_paths or task.dequeuing:
        return 0
    again = 0
    for problem in problems:
        if problem.outcome == "failed" and task.policy.again(task.tries, problem.error_class):
            again |= 1 << problem.index
    if again:
        _pause(task)
    return again


def _pause(task: Task) -> None:
    # Jitter spreads load, it decides nothing: the one place where chance is let in.
    task.run_after_s = task.policy.pause_s(task.tries, random())
    task.tries += 1


def _adds_up(task: Task, tally: Tally, passed: int) -> bool:
    if min(tally.processed, tally.skipped, tally.failed, tally.aborted) < 0:
        return False
    if tally.given != task.tried.bit_count() or passed & ~task.tried:
        return False
    return tally.processed <= passed.bit_count() <= tally.processed + tally.skipped


def _fit(task: Task, tally: Tally, problems: Sequence[Problem]) -> bool:
    """One problem for each path that was not processed, each with a path of its own, of those that were tried."""
    outcomes = Counter(problem.outcome for problem in problems)
    indices = {problem.index for problem in problems}
    return (
        outcomes == Counter(failed=tally.failed, aborted=tally.aborted, skipped=tally.skipped)
        and len(indices) == len(problems)
        and all(0 <= index < task.batch_size and task.tried >> index & 1 for index in indices)
    )
