"""What a job may wait for: that another is at least at a state, in the order of its kind (lifecycles, section 5)."""

from collections.abc import Mapping, Sequence

from orchestrator.domain.batch_job import JobState
from orchestrator.domain.edit_job import EditState
from orchestrator.domain.kinds import EDITS, ENDS, Kind
from orchestrator.domain.task_group import TaskStatus

END = "end"
"""Any end, be it good or not."""
_RUN = (JobState.PENDING, JobState.STARTED, END)
_TASK = (TaskStatus.WAITING, TaskStatus.READY, TaskStatus.WORKING, TaskStatus.COMPLETE)
_EDIT = (
    *(EditState.PROPOSED, EditState.ALLOCATED, EditState.ACTIVATED, EditState.PREPARED, EditState.DOWNLOADED),
    *(EditState.UPLOADED, EditState.COMMITTED, EditState.PUBLISHED, EditState.COMPLETED, EditState.ARCHIVED),
)
_BESIDE: Mapping[str, str] = dict.fromkeys(
    (EditState.INVALID, EditState.QUARANTINED, EditState.CONFLICTED, EditState.FAILED), EditState.UPLOADED
)
"""A state outside its order -> how far a job has come by it."""
ORDERS: Mapping[str, Sequence[str]] = {
    Kind.BATCH: _RUN,
    Kind.GROUP: _RUN,
    Kind.TASK: _TASK,
    **dict.fromkeys(EDITS, _EDIT),
}
"""Kind of job -> what can be waited for, one after the other."""
GOOD: Mapping[str, str] = {
    Kind.BATCH: JobState.SUCCESS,
    Kind.GROUP: JobState.SUCCESS,
    Kind.TASK: TaskStatus.COMPLETE,
    **dict.fromkeys(EDITS, EditState.COMPLETED),
}
"""Kind of job -> the end that is waited for where nothing else is said. It is no other end."""


def wanted(kind: str) -> tuple[str, ...]:
    """The states of a job of this kind that can be waited for."""
    order = ORDERS[kind]
    return (*order,) if GOOD[kind] in order else (*order, GOOD[kind])


def reached(state: str) -> frozenset[str]:
    """What a job that is in this state has come to by it; it may have come to more before. Kinds share their words."""
    state = _BESIDE.get(state, state)
    for order in ORDERS.values():
        if state in order:
            return frozenset(order[: order.index(state) + 1])
    return frozenset({*_RUN, state}) if ended(state) else frozenset()


def ended(state: str) -> bool:
    """Whether a job that is in this state comes to nothing more."""
    return state in ENDS
