"""The batch job's machine: one run of a workflow over paths (design: lifecycles, section 1)."""

from enum import StrEnum

from orchestrator.domain.people import CONTROLLERS, NOBODY, PeopleMachine


class JobState(StrEnum):
    """Where a batch job stands; the same words in the database, the API and every page."""

    PENDING = "Pending"  # being filled with tasks by its discovery task
    STARTED = "Started"  # at least one of its tasks has started
    SUCCESS = "Success"  # discovery Closed, every task Success or Skipped (also: nothing was found)
    FAILURE = "Failure"  # all has ended and a task ended Failure or Error, or discovery is Broken
    PAUSING = "Pausing"  # pause was asked for; what a worker has claimed is being finished
    PAUSED = "Paused"  # nothing of it is with a site
    DEQUEUING = "Dequeuing"  # cancel was asked for; its tasks are being taken out of the queues
    CANCELLED = "Cancelled"  # closed by request; every task that had not ended is Cancelled


class JobEvent(StrEnum):
    """What can happen to a batch job."""

    SUBMITTED = "Submitted"
    TASK_STARTED = "TaskStarted"
    ALL_SUCCEEDED = "AllSucceeded"
    SOME_FAILED = "SomeFailed"
    PAUSE_REQUESTED = "PauseRequested"
    DRAINED = "Drained"
    RESUMED_UNSTARTED = "ResumedUnstarted"
    RESUMED = "Resumed"
    CANCEL_REQUESTED = "CancelRequested"


_S, _E = JobState, JobEvent

BATCH_JOB = PeopleMachine(
    "batch job",
    (_E.SUBMITTED, _S.PENDING),
    ([_S.PENDING], _E.TASK_STARTED, _S.STARTED, NOBODY),
    ([_S.PENDING, _S.STARTED, _S.PAUSING], _E.ALL_SUCCEEDED, _S.SUCCESS, NOBODY),
    ([_S.PENDING, _S.STARTED, _S.PAUSING], _E.SOME_FAILED, _S.FAILURE, NOBODY),
    ([_S.PENDING, _S.STARTED], _E.PAUSE_REQUESTED, _S.PAUSING, CONTROLLERS),
    ([_S.PAUSING], _E.DRAINED, _S.PAUSED, NOBODY),
    ([_S.PAUSING, _S.PAUSED], _E.RESUMED_UNSTARTED, _S.PENDING, CONTROLLERS),
    ([_S.PAUSING, _S.PAUSED], _E.RESUMED, _S.STARTED, CONTROLLERS),
    ([_S.PENDING, _S.STARTED, _S.PAUSING, _S.PAUSED], _E.CANCEL_REQUESTED, _S.DEQUEUING, CONTROLLERS),
    ([_S.DEQUEUING], _E.DRAINED, _S.CANCELLED, NOBODY),
)
"""Ends are decided under the job row's lock, AllSucceeded and SomeFailed before Drained."""

RUNNING = frozenset({_S.PENDING, _S.STARTED})
"""The states in which tasks are handed out."""
