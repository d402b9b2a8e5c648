"""What became of each path of a job.

Paths that stopped have rows of their own. The others are told from the tasks that ended and the batches they came
in: all the paths of a Failure failed, those that a chain's last task did not stop are processed, and what a
Cancelled task had still to do is cancelled. Each kind is one stream in the order (task, place in the batch); they
are merged, and a page takes from them what it needs: never more than some batches are in memory. It may be short, and
not be the last: it looks through so many tasks for those whose paths came through, and no more.
"""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select, tuple_
from sqlalchemy import true as sql_true

from orchestrator.contracts import views
from orchestrator.contracts.paths import indices, number, to_bits, unpack, unpack_carry
from orchestrator.contracts.text import path_text
from orchestrator.contracts.views import Outcome, PathOutcome
from orchestrator.domain.chain import batch_of, step_of
from orchestrator.domain.task import TaskState
from orchestrator.storage.queries.keyset import decode, encode
from orchestrator.storage.queries.tasks import STEP_OF_ID, horizon
from orchestrator.storage.tables import batches, carries, job_steps, outcomes, progress, tasks

_TASKS_AT_ONCE = 100
_PATHS_AT_ONCE = 2000

_NOTHING = (-1, -1)
_LAST = 2**62
"""No path of a task has a place behind it."""
_RECORDED = (Outcome.FAILED, Outcome.ABORTED, Outcome.SKIPPED)


class _Item(NamedTuple):
    """A path's place in the list, and what became of it."""

    task: int
    place: int
    view: PathOutcome


def list_paths(
    tx: Connection, job_id: int, limit: int, cursor: str | None = None, *, outcome: Sequence[Outcome] = ()
) -> views.Page[PathOutcome]:
    """A job's paths that have come to one of these outcomes (none named: to any), chain by chain."""
    after = _NOTHING if cursor is None else tuple(decode(cursor, "paths", int, int))
    wanted = set(outcome or Outcome)
    if Outcome.PROCESSED in wanted and not tx.scalar(select(progress.c.processed).where(progress.c.job_id == job_id)):
        wanted.remove(Outcome.PROCESSED)
    # The others are found by an index of their own, however few they are.
    end = horizon(tx, tasks.c.job_id == job_id, tasks.c.id > after[0]) if Outcome.PROCESSED in wanted else None
    streams = [_recorded(tx, job_id, kind, after, end, limit + 1) for kind in _RECORDED if kind in wanted]
    streams += [
        _told_by_tasks(tx, job_id, kind, which, after, end)
        for kind, which in (
            (Outcome.FAILED, tasks.c.stopped == TaskState.FAILURE),
            (Outcome.PROCESSED, _came_through(job_id)),
            (Outcome.CANCELLED, tasks.c.stopped == TaskState.CANCELLED),
        )
        if kind in wanted
    ]
    items = list(islice(merge(*streams, key=lambda item: item[:2]), limit + 1))
    place = items[limit - 1][:2] if len(items) > limit else None if end is None else (end, _LAST)
    return views.Page[PathOutcome](
        items=[item.view for item in items[:limit]], next_cursor=None if place is None else encode("paths", place)
    )


def _recorded(
    tx: Connection, job_id: int, kind: Outcome, after: tuple[int, ...], end: int | None, most: int
) -> Iterator[_Item]:
    """Paths with a row; all those of a Failure are told by the task."""
    query = (
        select(outcomes.c.task_id, outcomes.c.index.label("place"), outcomes.c.path, outcomes.c.message)
        .outerjoin(tasks, tasks.c.id == outcomes.c.task_id)
        .where(outcomes.c.job_id == job_id, outcomes.c.outcome == kind)
        .where(tasks.c.state.is_distinct_from(TaskState.FAILURE))
        .where(tuple_(outcomes.c.task_id, outcomes.c.index) > tuple_(*after), _until(outcomes.c.task_id, end))
        .order_by(outcomes.c.task_id, outcomes.c.index)
        .limit(most)
    )
    for row in tx.execute(query):
        yield _Item(row.task_id, row.place, _view(row.task_id, bytes(row.path), kind, row.message))


def _told_by_tasks(
    tx: Connection, job_id: int, kind: Outcome, which: ColumnElement[bool], after: tuple[int, ...], end: int | None
) -> Iterator[_Item]:
    """The paths of these tasks, but for those with a row of their own."""
    task, place = after
    while True:
        rows: Sequence[Any] = tx.execute(
            select(tasks.c.id, tasks.c.given, tasks.c.given_bits, tasks.c.passed_bits, tasks.c.state, tasks.c.error)
            .where(tasks.c.job_id == job_id, tasks.c.given > 0, which, _until(tasks.c.id, end))
            .where(tasks.c.id >= task if place >= 0 else tasks.c.id > task)
            .order_by(tasks.c.id)
            .limit(_TASKS_AT_ONCE)
        ).all()
        if not rows:
            return
        rows = _some(rows)
        for item in _expand(tx, job_id, kind, rows):
            if (item.task, item.place) > (task, place):
                yield item
        task, place = rows[-1].id, -1


def _until(task: ColumnElement[int], end: int | None) -> ColumnElement[bool]:
    return sql_true() if end is None else task <= end


def _some(rows: Sequence[Any]) -> Sequence[Any]:
    """The first of them, with no more than some paths together."""
    paths = 0
    for taken, row in enumerate(rows):
        paths += row.given
        if taken and paths > _PATHS_AT_ONCE:
            return rows[:taken]
    return rows


def _expand(tx: Connection, job_id: int, kind: Outcome, rows: Sequence[Any]) -> Iterator[_Item]:
    ids = [row.id for row in rows]
    batch_ids = {batch_of(id) for id in ids}
    packed = {row.id: row for row in tx.execute(select(batches).where(batches.c.id.in_(batch_ids)))}
    names = {row.task_id: row.carry for row in tx.execute(select(carries).where(carries.c.task_id.in_(ids)))}
    told = select(outcomes.c.task_id, func.array_agg(outcomes.c.index).label("places"))
    told = told.where(outcomes.c.job_id == job_id, outcomes.c.task_id.in_(ids)).group_by(outcomes.c.task_id)
    recorded = {row.task_id: frozenset(row.places) for row in tx.execute(told)}
    for row in rows:
        batch = packed[batch_of(row.id)]
        paths, renamed = unpack(batch.paths).paths, unpack_carry(names.get(row.id)).renamed
        # A Failure has no structured result: what was said of single paths before it does not count.
        stopped = frozenset[int]() if row.state == TaskState.FAILURE else recorded.get(row.id, frozenset[int]())
        error: dict[str, Any] = row.error or {}
        message = error.get("message") if kind is Outcome.FAILED else None
        for place in indices(_which(row, kind, batch.n), batch.n):
            if place not in stopped:
                yield _Item(row.id, place, _view(row.id, renamed.get(place, paths[place]), kind, message))


def _which(row: Any, kind: Outcome, n: int) -> bytes | None:
    """Which of the batch's ``n`` paths the task tells of; a cancelled one of what it had done, or of all else."""
    if row.state != TaskState.CANCELLED:
        return row.given_bits
    passed = number(row.passed_bits or b"", n)
    return to_bits(passed if kind is Outcome.PROCESSED else number(row.given_bits, n) & ~passed, n)


def _came_through(job_id: int) -> ColumnElement[bool]:
    """Tasks that ended with a result, or were stopped when they had part of one, at the last step of their chain."""
    last = select(job_steps.c.rule, func.max(job_steps.c.step)).where(job_steps.c.job_id == job_id)
    ended = tasks.c.state.in_([TaskState.SUCCESS, TaskState.ERROR, TaskState.CANCELLED])
    return ended & (tasks.c.processed > 0) & tuple_(tasks.c.rule, STEP_OF_ID).in_(last.group_by(job_steps.c.rule))


def _view(task: int, path: bytes, outcome: Outcome, message: str | None) -> PathOutcome:
    text, exact = path_text(path)
    step = step_of(task) if task else None
    return PathOutcome(path=text, path_b64=exact, step=step, outcome=outcome, message=message)
