"""Task groups: the machines of a task job and of the group job that it is a part of (design: lifecycles, section 3)."""

from enum import StrEnum

from orchestrator.domain.batch_job import JobState
from orchestrator.domain.people import CONTROLLERS, DOERS, NOBODY, PLANNERS, TAKERS, PeopleMachine, Relation


class TaskStatus(StrEnum):
    """Where a task of a group stands: the status of its row, and the state of its job once it has one."""

    WAITING = "Waiting"  # known work; its turn has not come, and it has no job
    READY = "Ready"  # its job exists, work has not begun
    WORKING = "Working"  # work has begun: when, and by whom, is recorded
    COMPLETE = "Complete"  # done
    CANCELLED = "Cancelled"  # will not be done

    @property
    def code(self) -> int:
        """The number that stands for it in the database and the API."""
        return CODES[self]


CODES = {
    TaskStatus.CANCELLED: 0,
    TaskStatus.WAITING: 1,
    TaskStatus.READY: 2,
    TaskStatus.WORKING: 5,
    TaskStatus.COMPLETE: 10,
}
STATUSES = {code: status for status, code in CODES.items()}


class TaskStatusEvent(StrEnum):
    """What can happen to a task of a group."""

    LISTED = "Listed"
    CHOSEN = "Chosen"
    JOB_CREATED = "JobCreated"
    START = "Start"
    COMPLETE = "Complete"
    GIVE_UP = "GiveUp"
    RETRY = "Retry"
    NOT_NEEDED = "NotNeeded"
    GROUP_ENDED = "GroupEnded"


_S, _E = TaskStatus, TaskStatusEvent

TASK_JOB = PeopleMachine(
    "task job",
    (_E.LISTED, _S.WAITING),
    ([_S.WAITING], _E.CHOSEN, _S.WAITING, NOBODY),
    ([_S.WAITING], _E.JOB_CREATED, _S.READY, NOBODY),
    ([_S.READY], _E.START, _S.WORKING, TAKERS),
    ([_S.WORKING], _E.START, _S.WORKING, DOERS),
    ([_S.WORKING], _E.COMPLETE, _S.COMPLETE, DOERS),
    ([_S.WORKING], _E.GIVE_UP, _S.READY, DOERS),
    ([_S.WORKING], _E.RETRY, _S.READY, PLANNERS),
    ([_S.WAITING], _E.NOT_NEEDED, _S.CANCELLED, NOBODY),
    ([_S.WAITING, _S.READY, _S.WORKING], _E.GROUP_ENDED, _S.CANCELLED, NOBODY),
)
"""What is the system's own here happens by an event of the group job, which says who may."""


def ruled_out(*, automatic: bool, running: bool) -> frozenset[TaskStatusEvent]:
    """The events that a task's nature rules out: a workflow can not give up, and only one that failed is retried."""
    if not automatic:
        return frozenset({_E.RETRY})
    return frozenset({_E.START, _E.GIVE_UP, *((_E.RETRY, _E.COMPLETE) if running else ())})


class GroupEvent(StrEnum):
    """What can happen to a group job; a tool that leaves its state alone is an event as well."""

    SUBMITTED = "Submitted"
    TASK_STARTED = "TaskStarted"
    ALL_SUCCEEDED = "AllSucceeded"
    SOME_FAILED = "SomeFailed"
    PAUSE_REQUESTED = "PauseRequested"
    DRAINED = "Drained"
    RESUMED_UNSTARTED = "ResumedUnstarted"
    RESUMED = "Resumed"
    CANCEL_REQUESTED = "CancelRequested"
    SET_TASK_LIST = "SetTaskList"
    INSERT_TASK_GROUP = "InsertTaskGroup"
    SET_NEXT_TASK = "SetNextTask"
    CREATE_JOB_FOR_TASK = "CreateJobForTask"
    CANCEL_REMAINING_TASKS = "CancelRemainingTasks"


_J, _G = JobState, GroupEvent


_PLANNED = frozenset({*PLANNERS, Relation.AT_WORK})
"""Who sees that more is to be done may be who is doing it."""

GROUP_JOB = PeopleMachine(
    "group job",
    (_G.SUBMITTED, _J.PENDING),
    ([_J.PENDING], _G.TASK_STARTED, _J.STARTED, NOBODY),
    ([_J.PENDING, _J.STARTED], _G.ALL_SUCCEEDED, _J.SUCCESS, NOBODY),
    ([_J.PENDING, _J.STARTED], _G.SOME_FAILED, _J.FAILURE, NOBODY),
    ([_J.PENDING, _J.STARTED], _G.PAUSE_REQUESTED, _J.PAUSING, CONTROLLERS),
    ([_J.PAUSING], _G.DRAINED, _J.PAUSED, NOBODY),
    ([_J.PAUSED], _G.RESUMED_UNSTARTED, _J.PENDING, CONTROLLERS),
    ([_J.PAUSED], _G.RESUMED, _J.STARTED, CONTROLLERS),
    ([_J.PENDING, _J.STARTED, _J.PAUSED], _G.CANCEL_REQUESTED, _J.DEQUEUING, CONTROLLERS),
    ([_J.DEQUEUING], _G.DRAINED, _J.CANCELLED, NOBODY),
    *(
        ([state], event, state, who)
        for event, who, states in (
            (_G.SET_TASK_LIST, PLANNERS, [_J.PENDING]),
            (_G.INSERT_TASK_GROUP, _PLANNED, [_J.PENDING, _J.STARTED, _J.PAUSED]),
            (_G.SET_NEXT_TASK, PLANNERS, [_J.PENDING, _J.STARTED]),
            (_G.CREATE_JOB_FOR_TASK, PLANNERS, [_J.PENDING, _J.STARTED]),
            (_G.CANCEL_REMAINING_TASKS, PLANNERS, [_J.PENDING, _J.STARTED, _J.PAUSED]),
        )
        for state in states
    ),
)
"""It has the states of a batch job. While it is Paused nothing of it begins; what is planned may still be changed."""
