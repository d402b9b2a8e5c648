"""What the end of a task means: for itself, for the rest of its chain, and for its job."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from orchestrator.domain.batch_job import BATCH_JOB, JobEvent, JobState
from orchestrator.domain.discovery import DISCOVERY, DiscoveryState
from orchestrator.domain.task import TaskEvent, TaskState


@dataclass(frozen=True, slots=True)
class Tally:
    """How many paths came to which outcome; the sum is what the task was given."""

    processed: int = 0
    skipped: int = 0
    failed: int = 0
    aborted: int = 0

    @property
    def given(self) -> int:
        """All of them."""
        return self.processed + self.skipped + self.failed + self.aborted

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.processed + other.processed,
            self.skipped + other.skipped,
            self.failed + other.failed,
            self.aborted + other.aborted,
        )


def ending(tally: Tally) -> TaskEvent:
    """How a task that came back with a structured result ended."""
    return TaskEvent.FINISHED_WITH_ERRORS if tally.failed or tally.aborted else TaskEvent.FINISHED


class Ends(NamedTuple):
    """Paths that come to their end with a task, as the job counts them: each path once, where it stopped."""

    processed: int = 0
    skipped: int = 0
    failed: int = 0
    aborted: int = 0
    cancelled: int = 0


def ends(state: TaskState, tally: Tally, given: int, passed: int, *, last: bool, called_off: bool = False) -> Ends:
    """Which of a task's ``given`` paths end with it. ``passed`` went on, to the next task unless it is the ``last``.

    Where the job is ``called_off``, those that went on are cancelled with the task that they were given to.
    """
    processed, skipped = (tally.processed, tally.skipped) if last else (0, tally.processed + tally.skipped - passed)
    cancelled = given - tally.given if state is TaskState.CANCELLED else 0
    if called_off and not last:
        cancelled += passed
    return Ends(processed, skipped, tally.failed, tally.aborted, cancelled)


class Onward(Enum):
    """What happens to the tasks after one that ended."""

    ADVANCE = "advance"  # the next task is given the paths that passed, and is ready
    SKIP = "skip"  # nothing is left to do: they are all Skipped
    CANCEL = "cancel"  # the chain is broken, or called off: they are all Cancelled


def onward(ended: TaskState, passed: int, *, called_off: bool = False) -> Onward:
    """Success and Error pass on what was processed; a Failure breaks the chain; a job that is called off ends it."""
    if ended in (TaskState.FAILURE, TaskState.CANCELLED):
        return Onward.CANCEL
    if not passed:
        return Onward.SKIP
    return Onward.CANCEL if called_off else Onward.ADVANCE


def broken_by(ended: TaskState) -> TaskEvent:
    """The event that cancels the tasks after one that ended so."""
    return TaskEvent.BROKEN if ended is TaskState.FAILURE else TaskEvent.CANCEL_REQUESTED


@dataclass(frozen=True, slots=True)
class JobView:
    """What the end of a job is decided on: kept as counters, never counted by a scan."""

    state: JobState
    discovery: DiscoveryState
    open_tasks: int  # neither ended nor cancelled
    out: int  # with a site, walks too: handed out, neither ended nor revoked
    bad_tasks: int  # ended Failure or Error


def job_event(job: JobView) -> JobEvent | None:
    """The event that is due for a job now, or None; AllSucceeded and SomeFailed go before Drained."""
    if job.state in BATCH_JOB.terminal:
        return None
    if job.state is JobState.DEQUEUING:
        return None if job.open_tasks or job.out else JobEvent.DRAINED
    if job.state is JobState.PAUSED:
        return None
    if job.discovery in DISCOVERY.terminal and not job.open_tasks:
        failed = job.bad_tasks or job.discovery is DiscoveryState.BROKEN
        return JobEvent.SOME_FAILED if failed else JobEvent.ALL_SUCCEEDED
    if job.state is JobState.PAUSING and not job.out and job.discovery is not DiscoveryState.RUNNING:
        return JobEvent.DRAINED
    return None
