"""Defining task groups: what tasks there are, for whom, in which order."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, exists, func, select, update
from sqlalchemy import delete as sql_delete
from sqlalchemy.dialects.postgresql import insert

from orchestrator.contracts.faults import MOST, read_storable
from orchestrator.contracts.task_group import TaskDefinition, TaskGroupDefinition
from orchestrator.errors import Conflict, Fault, Invalid, NotFound
from orchestrator.services.attributes import schema_faults
from orchestrator.services.order import order_faults
from orchestrator.services.users import ensure_groups, known_users
from orchestrator.storage.audit import audit
from orchestrator.storage.tables import group_jobs, group_tasks, jobs, task_groups

_REFUSAL = "the task group can not be taken"


def locked_version(tx: Connection, name: str) -> datetime:
    """When the definition was changed last, locked until the end of the transaction; NotFound when there is none."""
    changed = select(task_groups.c.updated_at).where(task_groups.c.name == name).with_for_update()
    if (at := tx.scalar(changed)) is None:
        raise NotFound(f"there is no task group {name!r}")
    return at


def define(tx: Connection, body: object, actor: str) -> str:
    """Keep a new definition; its name. Conflict when there is one of this name, Invalid when it could not be done."""
    definition = _checked(tx, body)
    row = insert(task_groups).values(name=definition.name, created_by=actor, **_content(definition))
    if tx.scalar(row.on_conflict_do_nothing().returning(task_groups.c.name)) is None:
        raise Conflict(f"there is a task group {definition.name!r} already; PUT replaces it")
    audit(tx, actor, "task-group.define", definition.name)
    return definition.name


def redefine(tx: Connection, name: str, body: object, actor: str) -> None:
    """Replace a definition; group jobs that have their list keep it. NotFound, or Invalid as ``define``."""
    locked_version(tx, name)
    definition = _checked(tx, body)
    if definition.name != name:
        raise Invalid(_REFUSAL, [Fault("$.name", f"has to be {name!r}, as in the address")])
    changed = update(task_groups).where(task_groups.c.name == name)
    tx.execute(changed.values(updated_at=func.clock_timestamp(), **_content(definition)))
    audit(tx, actor, "task-group.define", name)


def delete(tx: Connection, name: str, actor: str) -> None:
    """Take a definition away; group jobs that have their list keep it, and it can no longer be inserted.

    NotFound, or Conflict while a group job has yet to set its list from it.
    """
    if tx.scalar(sql_delete(task_groups).where(task_groups.c.name == name).returning(task_groups.c.name)) is None:
        raise NotFound(f"there is no task group {name!r}")
    unset = ~exists().where(group_tasks.c.group_id == group_jobs.c.job_id)
    waiting = select(group_jobs.c.job_id).join(jobs, jobs.c.id == group_jobs.c.job_id)
    waiting = waiting.where(group_jobs.c.task_group == name, jobs.c.ended_at.is_(None), unset)
    if (job := tx.scalar(waiting.order_by(group_jobs.c.job_id).limit(1))) is not None:
        raise Conflict(f"job {job} has not set its task list yet; set it, or cancel the job, first")
    audit(tx, actor, "task-group.delete", name)


def find_definition(tx: Connection, name: str) -> TaskGroupDefinition | None:
    """The definition of this name, or None."""
    row = tx.execute(select(task_groups).where(task_groups.c.name == name)).one_or_none()
    if row is None:
        return None
    names = TaskGroupDefinition.model_fields
    return TaskGroupDefinition.model_validate({name: getattr(row, name) for name in names})


def _content(definition: TaskGroupDefinition) -> dict[str, object]:
    tasks = [task.model_dump(mode="json", exclude_unset=True) for task in definition.tasks]
    return {"label": definition.label, "tasks": tasks, "attributes_schema": definition.attributes_schema}


def _checked(tx: Connection, body: object) -> TaskGroupDefinition:
    definition = read_storable(TaskGroupDefinition, body, _REFUSAL)
    schema = schema_faults(definition.attributes_schema, "$.attributes_schema")
    if faults := [*schema, *_run_faults(tx, definition.tasks)]:
        raise Invalid(_REFUSAL, faults[:MOST])
    named = {f"$.tasks[{place}].assignee": task.assignee for place, task in enumerate(definition.tasks)}
    known_users(tx, {place: name for place, name in named.items() if name is not None}, _REFUSAL)
    ensure_groups(tx, [task.group for task in definition.tasks if task.group is not None])
    return definition


def _run_faults(tx: Connection, tasks: Sequence[TaskDefinition]) -> Iterator[Fault]:
    """What would keep the workflows of automatic tasks from being submitted now."""
    for place, task in enumerate(tasks):
        if task.run is not None:
            yield from order_faults(tx, task.run, f"$.tasks[{place}]")
