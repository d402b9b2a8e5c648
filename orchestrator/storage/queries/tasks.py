"""Tasks, as they are seen."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, select, tuple_, union_all
from sqlalchemy import true as sql_true

from orchestrator.contracts import views
from orchestrator.contracts.names import PEOPLE
from orchestrator.domain.chain import STEP_MASK, batch_of, step_of
from orchestrator.domain.task import TaskState
from orchestrator.errors import NotFound
from orchestrator.storage.queries.keyset import decode, encode, page
from orchestrator.storage.queries.logs import add_progress
from orchestrator.storage.tables import job_steps, tasks

STEP_OF_ID = tasks.c.id.bitwise_and(STEP_MASK)
LOOKED_THROUGH = 20_000
"""Tasks that one page looks through for those that are asked for: some milliseconds."""
_STOPPED = frozenset({TaskState.ERROR, TaskState.FAILURE})
"""The states of which all tasks are found by ``tasks.stopped``."""
_OF_STEP = ("step", "action", "site", "queue", "function")


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
    """A job's tasks, in the order in which their chains were made.

    A page may be short, and not be the last: it looks through so many tasks for those that are asked for, and no more.
    """
    after = tasks.c.id > (0 if cursor is None else decode(cursor, "tasks", int)[0])
    steps = {(row.rule, row.step): row for row in tx.execute(select(job_steps).where(job_steps.c.job_id == job_id))}
    asked = {
        key: row for key, row in steps.items() if (not step or row.step in step) and (not site or row.site in site)
    }
    wanted = [key for key, row in asked.items() if any(_count(row, one) for one in state or TaskState)]
    if not wanted:
        return views.Page[views.Task](items=[])
    lists: list[ColumnElement[bool]] = [sql_true()]
    filters: list[ColumnElement[bool]] = []
    if state and _STOPPED.issuperset(state):
        lists = [tasks.c.stopped == one for one in sorted(set(state))]
    elif state:
        filters.append(tasks.c.state.in_(state))
    if len(asked) < len(steps):
        filters.append(tuple_(tasks.c.rule, STEP_OF_ID).in_(wanted))
    ends = [horizon(tx, tasks.c.job_id == job_id, after, one) for one in lists if filters]
    end = min((one for one in ends if one is not None), default=None)
    if end is not None:
        filters.append(tasks.c.id <= end)
    found = page(
        tx,
        _merged([select(tasks).where(tasks.c.job_id == job_id, after, one, *filters) for one in lists], limit + 1),
        "tasks",
        limit,
        lambda row: _view(row, steps[row.rule, step_of(row.id)]),
        lambda row: [row.id],
    )
    add_progress(tx, found.items)
    if found.next_cursor is None and end is not None:
        found.next_cursor = encode("tasks", [end])
    return found


def horizon(tx: Connection, *which: ColumnElement[bool]) -> int | None:
    """How far one page may look through these tasks: the id of the last; None when there are no more than that."""
    ids = select(tasks.c.id).where(*which).order_by(tasks.c.id)
    return tx.scalar(ids.offset(LOOKED_THROUGH - 1).limit(1))


def _merged(queries: Sequence[Select[Any]], most: int) -> Select[Any]:
    """The first so many of each, in one order: each is read by its index."""
    if len(queries) == 1:
        return queries[0].order_by(tasks.c.id)
    every = union_all(*(query.order_by(tasks.c.id).limit(most).subquery().select() for query in queries)).subquery()
    return select(every).order_by(every.c.id)


def _count(step: Row[Any], state: TaskState) -> int:
    return getattr(step, state.value.lower())


def read_task(tx: Connection, task_id: int) -> views.Task:
    """One task; NotFound when there is none."""
    its_step = (
        (job_steps.c.job_id == tasks.c.job_id) & (job_steps.c.rule == tasks.c.rule) & (job_steps.c.step == STEP_OF_ID)
    )
    query = select(tasks, *(job_steps.c[name] for name in _OF_STEP)).join(job_steps, its_step)
    row = tx.execute(query.where(tasks.c.id == task_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no task {task_id}")
    found = _view(row, row)
    add_progress(tx, [found])
    return found


def _view(row: Row[Any], step: Row[Any]) -> views.Task:
    others = {"batch_id", "paths", "progress", "step", "action", "site", "queue", "group"}
    names = views.Task.model_fields.keys() - others
    return views.Task(
        **{name: getattr(row, name) for name in names},
        step=step.step,
        action=step.action,
        **whose(step.site, step.queue, step.function),
        batch_id=batch_of(row.id),
        paths=views.TaskPaths(**{name: getattr(row, name) for name in views.TaskPaths.model_fields}),
    )


def whose(site: str, queue: str, function: str) -> dict[str, Any]:
    """Where a step of a plan is done, or by whom: a manual step's queue is its group."""
    if function == PEOPLE:
        return {"site": None, "queue": None, "group": queue or None}
    return {"site": site, "queue": queue, "group": None}
