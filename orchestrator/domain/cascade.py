"""What the end of a task means: for itself, for the rest of its chain, and for its job."""

from dataclasses import dataclass
from enum import Enum

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


def called_off(tally: Tally, given: int, *, last: bool) -> dict[str, int]:
    """What a cancelled task's paths count as in its job: what had come to its end keeps it, all else is cancelled.

    What it had processed was to go on, unless the step is the last of its chain.
    """
    on_the_way = 0 if last else tally.processed
    return {
        "processed": tally.processed - on_the_way,
        "skipped": tally.skipped,
        "failed": tally.failed,
        "aborted": tally.aborted,
        "cancelled": given - tally.given + on_the_way,
    }


class Onward(Enum):
    """What happens to the tasks after one that ended."""

    ADVANCE = "advance"  # the next task is given the paths that passed, and is ready
    SKIP = "skip"  # nothing is left to do: they are all Skipped
    CANCEL = "cancel"  # the chain is broken, or called off: they are all Cancelled


def onward(ended: TaskState, passed: int) -> Onward:
    """Success and Error pass on what was processed; a Failure breaks the chain; a Cancelled one calls it off."""
    if ended in (TaskState.FAILURE, TaskState.CANCELLED):
        return Onward.CANCEL
    return Onward.ADVANCE if passed else Onward.SKIP


def broken_by(ended: TaskState) -> TaskEvent:
    """The event that cancels the tasks after one that ended so."""
    return TaskEvent.CANCEL_REQUESTED if ended is TaskState.CANCELLED else TaskEvent.BROKEN


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
