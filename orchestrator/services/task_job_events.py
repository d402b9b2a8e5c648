"""What people do with a task job: start it, complete it, give it up, and have a workflow that failed run again."""

from typing import Any

from sqlalchemy import Row, select

from orchestrator.contracts.task_group import TaskSaid
from orchestrator.domain.task_group import STATUSES, TaskStatus, TaskStatusEvent
from orchestrator.errors import Fault, Invalid
from orchestrator.services.advance import start_run, task_done, work_began
from orchestrator.services.fire import Action, Actions, Firing
from orchestrator.storage.tables import group_tasks
from orchestrator.storage.task_rows import change, set_reason

BY_STATUS = {"WORKING": TaskStatusEvent.START, "COMPLETE": TaskStatusEvent.COMPLETE}
"""The event that gives a task the status that is asked for."""
_E = TaskStatusEvent


def _start(firing: Firing, said: TaskSaid) -> None:
    """Begin work on it, and so claim it; who has done so already changes nothing."""
    row = _row(firing, said)
    if STATUSES[row.status] is TaskStatus.READY:
        work_began(firing.tx, row, firing.actor, **_words(said))


def _complete(firing: Firing, said: TaskSaid) -> None:
    row = _row(firing, said)
    task_done(firing.tx, row, firing.actor, **_words(said))


def _give_up(firing: Firing, said: TaskSaid) -> None:
    change(firing.tx, _row(firing, said), _E.GIVE_UP, firing.actor, **_words(said))


def _retry(firing: Firing, said: TaskSaid) -> None:
    """Run the workflow again."""
    row = _row(firing, said)
    change(firing.tx, row, _E.RETRY, firing.actor, **_words(said))
    set_reason(firing.tx, row.job_id, None)
    start_run(firing.tx, row.id)


def _row(firing: Firing, said: TaskSaid) -> Row[Any]:
    """The row of the task in its group's list; Invalid when it is of another group than was said."""
    row = firing.tx.execute(select(group_tasks).where(group_tasks.c.job_id == firing.job.id)).one()
    if said.parent_id not in (None, row.group_id):
        reason = f"job {firing.job.id} is a task of job {row.group_id}, not of {said.parent_id}"
        raise Invalid("this is not a task of that group", [Fault("$.parent_id", reason)])
    return row


def _words(said: TaskSaid) -> dict[str, Any]:
    return {"reason": said.reason, "comment": said.comment}


ACTIONS: Actions = {
    _E.START: Action(TaskSaid, _start),
    _E.COMPLETE: Action(TaskSaid, _complete),
    _E.GIVE_UP: Action(TaskSaid, _give_up),
    _E.RETRY: Action(TaskSaid, _retry),
}
