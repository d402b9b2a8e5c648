"""The tools of a group job: set its task list, insert a task group, set the next task, create its job, cancel the rest.

Each is an event of the group job that leaves its state alone, and stands in its history. (The sixth, set task status,
is an event of the task's own job: task_job_events.py.)
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from orchestrator.contracts.task_group import InsertAsked, Said, TaskGroupDefinition
from orchestrator.domain.task_group import STATUSES, GroupEvent, TaskStatus, TaskStatusEvent
from orchestrator.errors import Conflict, Fault, Invalid
from orchestrator.services.advance import UNDER_WAY, advance, begin, choose, finish, read_group, told
from orchestrator.services.fire import Action, Actions, Firing
from orchestrator.services.group_control import CONTROL
from orchestrator.services.task_groups import find_definition
from orchestrator.storage.history import record
from orchestrator.storage.task_rows import add_rows, change, count_percent, open_rows, read_rows


class Made(NamedTuple):
    """A task's job, and whether it was made just now."""

    job_id: int
    created: bool


def set_list(tx: Connection, group_id: int, definition: TaskGroupDefinition, actor: str, said: Said) -> None:
    """Write the tasks of the group's definition as the rows of a list that has none."""
    add_rows(tx, group_id, 1, definition.name, definition.tasks, actor)
    what = f"{len(definition.tasks)} tasks of {definition.name}"
    record(tx, group_id, GroupEvent.SET_TASK_LIST, actor=actor, reason=said.reason or what, comment=said.comment)
    advance(tx, group_id)


def _set_list(firing: Firing, said: Said) -> None:
    """Write the tasks of the group's definition as its rows, once."""
    tx, group_id = firing.tx, firing.job.id
    if read_rows(tx, group_id):
        raise _refused(firing, "its task list has been set already; insert a task group to add to it")
    name = read_group(tx, group_id).task_group
    definition = find_definition(tx, name)
    if definition is None:
        raise _refused(firing, f"the task group {name!r} is no longer there")
    set_list(tx, group_id, definition, firing.actor, said)


def _insert(firing: Firing, said: InsertAsked) -> None:
    """Write the tasks of another definition as rows that wait, where they are wanted."""
    tx, group_id = firing.tx, firing.job.id
    rows = read_rows(tx, group_id)
    _must_have_list(firing, bool(rows))
    definition = find_definition(tx, said.task_group)
    if definition is None:
        raise _wrong("$.task_group", f"there is no task group {said.task_group!r}")
    before = _place(rows, read_group(tx, group_id), said)
    add_rows(tx, group_id, before, definition.name, definition.tasks, firing.actor)
    count_percent(tx, group_id)
    what = f"{len(definition.tasks)} tasks of {definition.name}, from place {before} on"
    reason = f"{what}: {said.reason}" if said.reason else what
    record(tx, group_id, GroupEvent.INSERT_TASK_GROUP, actor=firing.actor, reason=reason, comment=said.comment)
    advance(tx, group_id)


def _place(rows: Sequence[Row[Any]], group: Row[Any], said: InsertAsked) -> int:
    """The order that the first row to be inserted takes."""
    if said.at == "start":
        return 1
    if said.at == "end":
        return len(rows) + 1
    if said.at == "next":
        current = next((row for row in rows if row.id == group.current_task), None)
        if current is not None:
            return current.order + 1
        return next((row.order for row in open_rows(rows)), len(rows) + 1)
    named = next((row for row in rows if row.id == said.at), None)
    if named is None:
        raise _wrong("$.at", f"job {group.id} has no task {said.at}")
    return named.order


def _set_next(firing: Firing, said: Said) -> int | None:
    """Choose the task whose turn it is; its id, or None when none is left, with which a group by hand has ended."""
    tx, group_id = firing.tx, firing.job.id
    rows = read_rows(tx, group_id)
    _must_have_list(firing, bool(rows))
    if under_way := [row for row in rows if STATUSES[row.status] in UNDER_WAY]:
        row = under_way[0]
        raise _refused(firing, f"it is the turn of {told(row)}, job {row.job_id}, which is {STATUSES[row.status]}")
    row = choose(tx, group_id, rows, firing.actor, said.comment)
    if row is None:
        finish(tx, group_id, GroupEvent.ALL_SUCCEEDED, actor=firing.actor)
    return None if row is None else row.id


def _create_job(firing: Firing, said: Said) -> Made:
    """Make the job of the current task; asked again, it is the same job."""
    group = read_group(firing.tx, firing.job.id)
    row = next((row for row in read_rows(firing.tx, group.id) if row.id == group.current_task), None)
    if row is None:
        raise _refused(firing, "no task is chosen: set the next task first")
    if STATUSES[row.status] in UNDER_WAY:
        return Made(row.job_id, created=False)
    if STATUSES[row.status] is not TaskStatus.WAITING:
        raise _refused(firing, f"{told(row)} is {STATUSES[row.status]}: set the next task first")
    return Made(begin(firing.tx, group, row, firing.actor, said.comment), created=True)


def _cancel_remaining(firing: Firing, said: Said) -> None:
    """Cancel the tasks that wait; what is under way, and the group job itself, still finish."""
    tx, group_id = firing.tx, firing.job.id
    waiting = [row for row in read_rows(tx, group_id) if STATUSES[row.status] is TaskStatus.WAITING]
    for row in waiting:
        change(tx, row, TaskStatusEvent.NOT_NEEDED, firing.actor)
    if waiting:
        count_percent(tx, group_id)
    reason = said.reason or f"{len(waiting)} tasks"
    record(tx, group_id, GroupEvent.CANCEL_REMAINING_TASKS, actor=firing.actor, reason=reason, comment=said.comment)
    advance(tx, group_id)


def _must_have_list(firing: Firing, has: bool) -> None:
    if not has:
        raise _refused(firing, "its task list has not been set yet")


def _refused(firing: Firing, why: str) -> Conflict:
    legal = [event for event in firing.possible if event != firing.event]
    return Conflict(f"job {firing.job.id}: {why}", legal=legal)


def _wrong(place: str, reason: str) -> Invalid:
    return Invalid("the task group can not be inserted", [Fault(place, reason)])


ACTIONS: Actions = {
    **CONTROL,
    GroupEvent.SET_TASK_LIST: Action(Said, _set_list),
    GroupEvent.INSERT_TASK_GROUP: Action(InsertAsked, _insert),
    GroupEvent.SET_NEXT_TASK: Action(Said, _set_next),
    GroupEvent.CREATE_JOB_FOR_TASK: Action(Said, _create_job),
    GroupEvent.CANCEL_REMAINING_TASKS: Action(Said, _cancel_remaining),
}
