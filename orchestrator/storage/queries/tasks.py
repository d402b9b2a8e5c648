"""Tasks, and failures that are alike."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, select, tuple_

from orchestrator.contracts import views
from orchestrator.contracts.text import path_json
from orchestrator.domain.chain import STEP_MASK, batch_of
from orchestrator.domain.task import TaskState
from orchestrator.errors import NotFound
from orchestrator.storage.queries.keyset import decode, page
from orchestrator.storage.tables import error_groups, job_steps, tasks

STEP_OF_ID = tasks.c.id.bitwise_and(STEP_MASK)


def list_tasks(
    tx: Connection,
    job_id: int,
    limit: int,
    cursor: str | None = None,
    *,
    state: Sequence[TaskState] = (),
    step: Sequence[int] = (),
    site: Sequence[str] = (),
) -> views.Page[views.Task]:
    """A job's tasks, in the order in which their chains were made."""
    query = _tasks().where(tasks.c.job_id == job_id).order_by(tasks.c.id)
    if state:
        query = query.where(tasks.c.state.in_(state))
    if step:
        query = query.where(job_steps.c.step.in_(step))
    if site:
        query = query.where(job_steps.c.site.in_(site))
    if cursor is not None:
        query = query.where(tasks.c.id > decode(cursor, int)[0])
    return page(tx, query, limit, _view, lambda row: [row.id])


def read_task(tx: Connection, task_id: int) -> views.Task:
    """One task; NotFound when there is none."""
    row = tx.execute(_tasks().where(tasks.c.id == task_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no task {task_id}")
    return _view(row)


def list_errors(tx: Connection, job_id: int, limit: int, cursor: str | None = None) -> views.Page[views.ErrorGroup]:
    """A job's failures by likeness, those with the most paths first."""
    groups = error_groups.c
    order = tuple_(-groups.paths, groups.fingerprint, groups.rule, groups.step)
    query = select(error_groups).where(groups.job_id == job_id)
    query = query.order_by(groups.paths.desc(), groups.fingerprint, groups.rule, groups.step)
    if cursor is not None:
        query = query.where(order > tuple_(*decode(cursor, int, str, int, int)))
    return page(tx, query, limit, _group, lambda row: [-row.paths, row.fingerprint, row.rule, row.step])


def _tasks() -> Select[Any]:
    its_step = (
        (job_steps.c.job_id == tasks.c.job_id) & (job_steps.c.rule == tasks.c.rule) & (job_steps.c.step == STEP_OF_ID)
    )
    return select(tasks, job_steps.c.step, job_steps.c.action, job_steps.c.site, job_steps.c.queue).join(
        job_steps, its_step
    )


def _view(row: Row[Any]) -> views.Task:
    return views.Task(
        **{name: getattr(row, name) for name in views.Task.model_fields if name not in ("batch_id", "paths")},
        batch_id=batch_of(row.id),
        paths=views.TaskPaths(**{name: getattr(row, name) for name in views.TaskPaths.model_fields}),
    )


def _group(row: Row[Any]) -> views.ErrorGroup:
    in_discovery = row.step < 0
    return views.ErrorGroup(
        fingerprint=row.fingerprint,
        action=row.action,
        rule=None if in_discovery else row.rule,
        step=None if in_discovery else row.step,
        error_class=row.error_class,
        message=row.message,
        paths=row.paths,
        example_paths=[path_json(bytes(path)) for path in row.examples],
        hosts=row.hosts,
        first_at=row.first_at,
        last_at=row.last_at,
    )
