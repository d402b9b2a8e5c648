"""Logs of tasks and of jobs, and how far running tasks say they are."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Row, select

from orchestrator.contracts import views
from orchestrator.contracts.text import path_json
from orchestrator.domain.chain import step_of
from orchestrator.domain.task import TaskState
from orchestrator.storage.queries.keyset import MOST_INTEGER, decode, encode, page
from orchestrator.storage.tables import task_logs, task_progress

LEVELS = {
    views.Level.DEBUG: 0,
    views.Level.INFO: 20,
    views.Level.WARNING: 30,
    views.Level.ERROR: 40,
    views.Level.CRITICAL: 50,
}
"""The least number of each level."""
LOOKED_THROUGH = 20_000
"""Lines that one page looks through for those of the level that is asked for."""


def list_log(
    tx: Connection,
    which: ColumnElement[bool],
    limit: int,
    cursor: str | None = None,
    *,
    after: int = 0,
    level: views.Level = views.Level.DEBUG,
) -> views.Page[views.LogLine]:
    """The lines of a task (``of_task``) or job (``of_job``), of this level and above, in the order they came.

    A page may be short, and not be the last: it looks through so many lines for those that are asked for, and no more.
    """
    log = task_logs.c
    place = max(after, 0 if cursor is None else decode(cursor, "log", int)[0])
    query = select(task_logs).where(which, log.id > place).order_by(log.id)
    end = None
    if least := LEVELS[level]:
        seen = select(log.id).where(which, log.id > place).order_by(log.id).offset(LOOKED_THROUGH - 1).limit(1)
        end = tx.scalar(seen)
        query = query.where(log.level >= least, log.id <= (MOST_INTEGER if end is None else end))
    found = page(tx, query, "log", limit, _view, lambda row: [row.id])
    if found.next_cursor is None and end is not None:
        found.next_cursor = encode("log", [end])
    return found


def of_task(task_id: int) -> ColumnElement[bool]:
    """The lines of one task."""
    return task_logs.c.task_id == task_id


def of_job(job_id: int) -> ColumnElement[bool]:
    """The lines of all tasks of a job."""
    return task_logs.c.job_id == job_id


def add_progress(tx: Connection, items: Sequence[views.Task]) -> None:
    """Say of each task that runs how far it says it is."""
    running = {item.id: item for item in items if item.state is TaskState.STARTED}
    if running:
        for row in tx.execute(select(task_progress).where(task_progress.c.task_id.in_(running))):
            if row.attempt == running[row.task_id].attempt:
                running[row.task_id].progress = views.TaskProgress(
                    share=row.share,
                    note=row.note,
                    path=None if row.path is None else path_json(bytes(row.path)),
                    at=row.at,
                )


def _view(row: Row[tuple[object, ...]]) -> views.LogLine:
    return views.LogLine(
        id=row.id,
        task_id=row.task_id,
        step=step_of(row.task_id),
        attempt=row.attempt,
        at=row.at,
        level=next(name for name, least in reversed(LEVELS.items()) if row.level >= least),
        logger=row.logger,
        message=row.message,
        path=None if row.path is None else path_json(bytes(row.path)),
    )
