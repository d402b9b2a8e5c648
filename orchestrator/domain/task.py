"""The task's machine: one step of a chain over one batch of paths (design: lifecycles, section 2)."""

from enum import StrEnum

from orchestrator.domain.machine import Machine, edges


class TaskState(StrEnum):
    """Where a task stands; the same words in the database, the API and every page."""

    PENDING = "Pending"  # created, not yet picked up by a site
    STARTED = "Started"  # running on a site
    SUCCESS = "Success"  # every path it was given was processed, or skipped by choice of the action
    ERROR = "Error"  # not all paths were processed, but there is a structured result: the good ones go on
    FAILURE = "Failure"  # an unexpected error: no structured result
    SKIPPED = "Skipped"  # it would have had no work, so the task before it skipped it
    CANCELLED = "Cancelled"  # a task before it failed, or the job was cancelled


class TaskEvent(StrEnum):
    """What can happen to a task. ``attempt`` grows at every hand-out; ``tries`` and ``crashes`` are what caps count."""

    DISCOVERED = "Discovered"
    CLAIMED = "Claimed"
    FINISHED = "Finished"
    FINISHED_WITH_ERRORS = "FinishedWithErrors"
    CRASHED = "Crashed"
    PART_FINISHED = "PartFinished"
    ATTEMPT_FAILED = "AttemptFailed"
    RETURNED = "Returned"
    PROCESS_DIED = "ProcessDied"
    CRASHED_FOR_GOOD = "CrashedForGood"
    CRASHED_FOR_GOOD_IN_PART = "CrashedForGoodInPart"  # the same, where a structured result is left: Error
    NOTHING_LEFT = "NothingLeft"
    BROKEN = "Broken"
    CANCEL_REQUESTED = "CancelRequested"
    STOPPED = "Stopped"


_S, _E = TaskState, TaskEvent

TASK = Machine(
    "task",
    (_E.DISCOVERED, _S.PENDING),
    edges(
        ([_S.PENDING], _E.CLAIMED, _S.STARTED),
        ([_S.STARTED], _E.FINISHED, _S.SUCCESS),
        ([_S.STARTED], _E.FINISHED_WITH_ERRORS, _S.ERROR),
        ([_S.STARTED], _E.CRASHED, _S.FAILURE),
        ([_S.STARTED], _E.PART_FINISHED, _S.PENDING),
        ([_S.STARTED], _E.ATTEMPT_FAILED, _S.PENDING),
        ([_S.STARTED, _S.PENDING], _E.RETURNED, _S.PENDING),
        ([_S.STARTED], _E.PROCESS_DIED, _S.PENDING),
        ([_S.STARTED], _E.CRASHED_FOR_GOOD, _S.FAILURE),
        ([_S.STARTED], _E.CRASHED_FOR_GOOD_IN_PART, _S.ERROR),
        ([_S.PENDING], _E.NOTHING_LEFT, _S.SKIPPED),
        ([_S.PENDING], _E.BROKEN, _S.CANCELLED),
        ([_S.PENDING], _E.CANCEL_REQUESTED, _S.CANCELLED),
        ([_S.STARTED], _E.STOPPED, _S.CANCELLED),
    ),
)
