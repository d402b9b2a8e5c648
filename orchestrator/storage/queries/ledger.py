"""A job's ledger: every path once, how far it came and what became of it, in the order of its chains.

It is read in short transactions, some thousand paths each, so that neither memory nor the database notices how large
the job is or how slowly somebody reads. Of a job that goes on, each part is as it was when it was read.
"""

from collections import defaultdict
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, Row, text

from orchestrator.contracts.paths import KINDS, PathList, indices, number, to_bits, unpack, unpack_carry
from orchestrator.contracts.text import path_text
from orchestrator.contracts.views import Outcome
from orchestrator.domain.chain import MAX_STEPS, batch_of, step_of
from orchestrator.domain.fingerprint import fingerprint
from orchestrator.domain.task import TaskState
from orchestrator.storage.queries.snapshot import snapshot

TASKS_AT_ONCE = 8 * MAX_STEPS
PATHS_AT_ONCE = 5_000
"""At most so many of one transaction, but for a single batch that has more."""

_KINDS = {letter: kind for kind, letter in KINDS.items() if kind != "unknown"}


class Line(msgspec.Struct):
    """One path of a job. ``outcome`` is None while it has none; ``step`` is where it is, or where it stopped."""

    job_id: int
    path: str
    path_b64: str | None
    outcome: str | None
    rule: int | None = None
    step: int | None = None
    action: str | None = None
    site: str | None = None
    task_id: int | None = None
    kind: str | None = None
    size: int | None = None
    error_class: str | None = None
    message: str | None = None
    fingerprint: str | None = None
    worker: str | None = None
    attempt: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


class _Batch(NamedTuple):
    """One batch with its chain's tasks, and what is told of single paths."""

    paths: PathList
    chain: Sequence[Row[Any]]
    told: Mapping[tuple[int, int], Row[Any]]
    """(task, place) -> a path that stopped."""
    names: Mapping[int, bytes]
    """Task -> what it was handed by the step before, packed."""


def read_ledger(engine: Engine, job_id: int, outcome: Collection[Outcome] = ()) -> Generator[list[Line]]:
    """A job's ledger, some lines at a time; with ``outcome`` only paths that came to one of these."""
    with snapshot(engine) as tx:
        steps = {(row.rule, row.step): row for row in tx.execute(_STEPS, {"job": job_id})}
    for lines in _lines(engine, job_id, steps):
        wanted = [line for line in lines if line.outcome in outcome] if outcome else lines
        if wanted:
            yield wanted


def _lines(engine: Engine, job_id: int, steps: Mapping[tuple[int, int], Row[Any]]) -> Iterator[list[Line]]:
    place: int | None = -1
    while place is not None:
        with snapshot(engine) as tx:
            lines, place = _troubles(tx, job_id, place)
        yield lines
    after = 0
    while True:
        with snapshot(engine) as tx:
            batches = _batches(tx, job_id, after)
        if not batches:
            return
        yield [line for batch in batches for line in _of_batch(job_id, batch, steps)]
        after = batches[-1].chain[-1].id


_STEPS = text("""
    select rule, step, action, case when function <> 'people' then site end as site from job_steps where job_id = :job
""")
_TROUBLES = text("""
    select o.index as place, o.path, o.outcome, o.error_class, o.message, o.fingerprint,
      'discovery.' || d.method as action, d.site
    from outcomes o left join discoveries d on d.job_id = o.job_id
    where o.job_id = :job and o.task_id = 0 and o.index > :after order by o.index limit :most
""")


def _troubles(tx: Connection, job_id: int, after: int) -> tuple[list[Line], int | None]:
    """What discovery could not handle, and where to go on."""
    rows = tx.execute(_TROUBLES, {"job": job_id, "after": after, "most": PATHS_AT_ONCE}).all()
    lines = [
        Line(
            job_id, *path_text(bytes(row.path)), row.outcome, action=row.action, site=row.site,
            error_class=row.error_class, message=row.message, fingerprint=row.fingerprint,
        )
        for row in rows
    ]  # fmt: skip
    return lines, rows[-1].place if len(rows) == PATHS_AT_ONCE else None


_TASKS = text("""
    select id, rule, state, given, given_bits, passed_bits, error, worker, attempt, started_at, ended_at
    from tasks where job_id = :job and id > :after order by id limit :most
""")
_SIZES = text("select id, n from batches where id = any(cast(:ids as bigint[])) order by id")
_PACKED = text("select id, paths from batches where id = any(cast(:ids as bigint[]))")
_TOLD = text("""
    select task_id, index as place, outcome, path, error_class, message, fingerprint from outcomes
    where job_id = :job and task_id = any(cast(:tasks as bigint[]))
""")
_NAMES = text("select task_id, carry from carries where task_id = any(cast(:tasks as bigint[]))")


def _batches(tx: Connection, job_id: int, after: int) -> list[_Batch]:
    """The next batches of a job with their whole chains; none at the end."""
    rows = tx.execute(_TASKS, {"job": job_id, "after": after, "most": TASKS_AT_ONCE}).all()
    chains = {batch: list(tasks) for batch, tasks in groupby(rows, lambda row: batch_of(row.id))}
    if len(rows) == TASKS_AT_ONCE:  # the last chain may be cut off
        chains.popitem()
    taken: list[int] = []
    paths = 0
    for batch in tx.execute(_SIZES, {"ids": list(chains)}):
        paths += batch.n
        if taken and paths > PATHS_AT_ONCE:
            break
        taken.append(batch.id)
    tasks = [row.id for batch in taken for row in chains[batch]]
    told: defaultdict[int, dict[tuple[int, int], Row[Any]]] = defaultdict(dict)
    for row in tx.execute(_TOLD, {"job": job_id, "tasks": tasks}):
        told[batch_of(row.task_id)][row.task_id, row.place] = row
    names = {row.task_id: bytes(row.carry) for row in tx.execute(_NAMES, {"tasks": tasks})}
    packed = {row.id: bytes(row.paths) for row in tx.execute(_PACKED, {"ids": taken})}
    return [_Batch(unpack(packed[id]), chains[id], told[id], names) for id in taken]


def _of_batch(job_id: int, batch: _Batch, steps: Mapping[tuple[int, int], Row[Any]]) -> Iterator[Line]:
    columns, n = batch.paths, len(batch.paths)
    renamed = {task.id: unpack_carry(batch.names.get(task.id)).renamed for task in batch.chain}
    for place, task in enumerate(_where(batch.chain, n)):
        if task is None:
            continue
        step = steps[task.rule, step_of(task.id)]
        line = Line(
            job_id,
            *path_text(renamed[task.id].get(place, columns.paths[place])),
            None,
            rule=task.rule,
            step=step.step,
            action=step.action,
            site=step.site,
            task_id=task.id,
            kind=_KINDS.get(columns.kinds[place]) if columns.kinds else None,
            size=columns.sizes[place] if columns.sizes else None,
            worker=task.worker,
            attempt=task.attempt,
            started_at=task.started_at,
            ended_at=task.ended_at,
        )
        _say_outcome(line, task, batch.told.get((task.id, place)), place, n)
        yield line


def _where(chain: Sequence[Row[Any]], n: int) -> list[Row[Any] | None]:
    """The last task that was given each path."""
    places: list[Row[Any] | None] = [None] * n
    further = 0
    for task in reversed(chain):
        given = number(task.given_bits, n) if task.given else 0
        for place in indices(to_bits(given & ~further, n), n):
            places[place] = task
        further |= given
    return places


def _say_outcome(line: Line, task: Row[Any], told: Row[Any] | None, place: int, n: int) -> None:
    """What became of a path there: from its own row, or as its task ended."""
    match task.state:
        case TaskState.FAILURE:  # whatever was said of single paths before
            error: dict[str, str] = task.error or {}
            line.outcome, line.error_class = Outcome.FAILED, error.get("error_class", "")
            line.message = error.get("message", "")
            line.fingerprint = fingerprint(line.error_class, line.message, line.action or "", line.step or 0)
        case _ if told is not None:
            line.path, line.path_b64 = path_text(bytes(told.path))
            line.outcome, line.error_class, line.message = told.outcome, told.error_class, told.message
            line.fingerprint = told.fingerprint
        case TaskState.CANCELLED:
            passed = number(task.passed_bits or b"", n) >> place & 1
            line.outcome = Outcome.PROCESSED if passed else Outcome.CANCELLED
        case TaskState.SUCCESS | TaskState.ERROR:
            line.outcome = Outcome.PROCESSED
        case _:
            pass
