"""What an earlier job left without a good end: its walks, its paths one by one, and the paths of its whole tasks."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, text

from orchestrator.contracts.paths import PathList, indices, number, pack, to_bits, unpack, unpack_carry
from orchestrator.contracts.redrive import Left
from orchestrator.domain.chain import STEP_BITS, STEP_MASK, step_of
from orchestrator.domain.fingerprint import fingerprint
from orchestrator.domain.task import TaskState
from orchestrator.services.fill import NewWalk
from orchestrator.services.regroup import Leftovers

ROWS_AT_ONCE = 2000
TASKS_AT_ONCE = 100
"""Whose batches are unpacked in one turn."""

After = tuple[int, int]
"""The last task and place in its batch that have been looked at."""


class Wanted(msgspec.Struct):
    """Which of what was left is taken over, as the new job keeps it (contracts.redrive)."""

    sources: list[int]
    include: list[Left]
    steps: list[int] | None = None
    fingerprints: list[str] | None = None
    tasks: list[int] | None = None


@dataclass(slots=True)
class Taking:
    """What one turn takes over for one job."""

    job: int
    wanted: Wanted
    leftovers: Leftovers
    walks: list[NewWalk] = field(default_factory=list[NewWalk])

    @property
    def filters(self) -> dict[str, Any]:
        """For the queries below."""
        wanted = self.wanted
        return {"steps": wanted.steps, "prints": wanted.fingerprints, "only": wanted.tasks, "mask": STEP_MASK}


_WALKS = text("""
    update walks set redriven_by = :job
    where job_id = :source and redriven_by is null
      and not (by_hub and exists (select from jobs where id = :source and redrive is not null))
      and not exists (select from discoveries d where d.job_id = :source and d.memory is not null)
      and not exists (select from streams s where s.job_id = :source)
      and case state when 'Broken' then :broken when 'Closed' then false else :unfinished end
    returning input, cursor
""")


def take_walks(tx: Connection, taking: Taking, source: int, _after: After) -> After | None:
    """Discovery that broke, or that a cancelled job did not finish, goes on from where it was.

    What would have been found to have changed is found by the next run.
    """
    wanted = taking.wanted
    if wanted.steps is None and wanted.fingerprints is None and wanted.tasks is None:
        include = wanted.include
        asked = {"broken": Left.FAILURE in include, "unfinished": Left.CANCELLED in include}
        rows = tx.execute(_WALKS, {"job": taking.job, "source": source, **asked})
        taking.walks += (NewWalk(taking.job, bytes(row.input), row.cursor) for row in rows)
    return None


_ROWS = text("""
    select o.task_id, o.index as place, o.path, t.rule
    from outcomes o left join tasks t on t.id = o.task_id
    where o.job_id = :source and o.outcome in ('failed', 'aborted') and o.redriven_by is null
      and (o.task_id, o.index) > (:task, :index) and t.state is distinct from 'Failure'
      and (cast(:steps as int[]) is null or (o.task_id <> 0 and (o.task_id & :mask) = any(cast(:steps as int[]))))
      and (cast(:prints as text[]) is null or o.fingerprint = any(cast(:prints as text[])))
      and (cast(:only as bigint[]) is null or o.task_id = any(cast(:only as bigint[])))
    order by o.task_id, o.index limit :most
""")
_MARK_ROWS = text("""
    update outcomes o set redriven_by = :job
    from unnest(cast(:tasks as bigint[]), cast(:indices as bigint[])) as u(task, index)
    where o.job_id = :source and o.task_id = u.task and o.index = u.index
""")
_BATCHES = text("""
    select t.id, b.paths, c.carry
    from unnest(cast(:tasks as bigint[])) as t(id)
    join batches b on b.id = t.id >> :bits left join carries c on c.task_id = t.id
""")


def take_rows(tx: Connection, taking: Taking, source: int, after: After) -> After | None:
    """Paths that failed or were gone, one by one; and what discovery could not handle is walked again."""
    if Left.ERROR not in taking.wanted.include:
        return None
    asked = {"source": source, "task": after[0], "index": after[1], "most": ROWS_AT_ONCE}
    rows = tx.execute(_ROWS, asked | taking.filters).all()
    by_task: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        if row.task_id not in by_task and len(by_task) == TASKS_AT_ONCE:
            break
        by_task[row.task_id].append(row)
    taken = [row for some in by_task.values() for row in some]
    _take_troubles(tx, taking, source, by_task.pop(0, []))
    for batch in tx.execute(_BATCHES, {"tasks": list(by_task), "bits": STEP_BITS}):
        some = by_task[batch.id]
        places = [row.place for row in some]
        taking.leftovers.add(some[0].rule, step_of(batch.id), unpack(batch.paths), places, unpack_carry(batch.carry))
    marks = {"tasks": [row.task_id for row in taken], "indices": [row.place for row in taken]}
    tx.execute(_MARK_ROWS, {"job": taking.job, "source": source, **marks})
    return (taken[-1].task_id, taken[-1].place) if taken else None


# A line of a list that is no path stays none.
_INPUTS = text("""
    select w.subtree, w.input from walks w join discoveries d on d.job_id = w.job_id
    where w.job_id = :source and w.subtree = any(cast(:subtrees as int[])) and d.method <> 'listing'
""")


def _take_troubles(tx: Connection, taking: Taking, source: int, rows: Sequence[Row[Any]]) -> None:
    """Each is walked again from where it is, as a part of the tree that it was found in."""
    by_walk: defaultdict[int, list[bytes]] = defaultdict(list)
    for row in rows:
        by_walk[row.place >> 40].append(bytes(row.path))  # as fill.py numbers them
    for walk in tx.execute(_INPUTS, {"source": source, "subtrees": list(by_walk)}) if by_walk else ():
        start = unpack(walk.input)
        by_base: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for path in by_walk[walk.subtree]:
            by_base[_base(path, start)].append(path)
        taking.walks += (NewWalk(taking.job, pack(PathList(paths, base=base))) for base, paths in by_base.items())


def _base(path: bytes, start: PathList) -> bytes:
    """The start below which a path was found; none for a start itself."""
    if start.base:
        return start.base
    return next((one for one in start.paths if path != one and path.startswith(one.rstrip(b"/") + b"/")), b"")


_TASKS = text("""
    select t.id, t.rule, t.state, t.given_bits, t.passed_bits, t.error, s.action, b.n, b.paths, c.carry,
      array(select o.index from outcomes o where o.job_id = t.job_id and o.task_id = t.id) as told
    from tasks t
    join batches b on b.id = t.id >> :bits
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    left join carries c on c.task_id = t.id
    where t.job_id = :source and t.id > :task
      and t.stopped in ('Failure', 'Cancelled') and t.redriven_by is null
      and t.stopped = any(cast(:states as task_state[]))
      and (cast(:steps as int[]) is null or (t.id & :mask) = any(cast(:steps as int[])))
      and (cast(:only as bigint[]) is null or t.id = any(cast(:only as bigint[])))
    order by t.id limit :most
""")
_MARK_TASKS = text("update tasks set redriven_by = :job where id = any(cast(:tasks as bigint[]))")


def take_tasks(tx: Connection, taking: Taking, source: int, after: After) -> After | None:
    """All the paths of a Failure, and those of a Cancelled task that had come to no outcome."""
    wanted = taking.wanted
    states = [TaskState.FAILURE] if Left.FAILURE in wanted.include else []
    if Left.CANCELLED in wanted.include and wanted.fingerprints is None:
        states.append(TaskState.CANCELLED)
    asked = {"source": source, "task": after[0], "states": states, "bits": STEP_BITS, "most": TASKS_AT_ONCE}
    rows = tx.execute(_TASKS, asked | taking.filters).all()
    taken = [row for row in rows if wanted.fingerprints is None or _print(row) in wanted.fingerprints]
    for row in taken:
        places = indices(_left(row), row.n)
        taking.leftovers.add(row.rule, step_of(row.id), unpack(row.paths), places, unpack_carry(row.carry))
    tx.execute(_MARK_TASKS, {"job": taking.job, "tasks": [row.id for row in taken]})
    return (rows[-1].id, -1) if rows else None


def _print(row: Row[Any]) -> str:
    error: dict[str, str] = row.error or {}
    return fingerprint(error.get("error_class", ""), error.get("message", ""), row.action, step_of(row.id))


def _left(row: Row[Any]) -> bytes:
    """Which of the batch's paths came to no outcome here, as bits."""
    given = number(row.given_bits, row.n)
    if row.state == TaskState.CANCELLED:
        given &= ~number(row.passed_bits or b"", row.n)
        for index in row.told:
            given &= ~(1 << index)
    return to_bits(given, row.n)
