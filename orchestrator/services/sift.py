"""Keeping back what is below a held path: looked at when its turn comes, once, and put aside until that is released.

What is put aside is not in ``ready``, so that no later look for what can be handed out passes over it: a held prefix
costs a turn one look at the open holds, however many tasks it stops. A batch waits whole.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from orchestrator.contracts.paths import unpack
from orchestrator.domain.chain import STEP_BITS, STEP_MASK
from orchestrator.domain.prefix import any_below
from orchestrator.services.lanes import lock_running
from orchestrator.services.memory import Memory

MOST_TASKS = 2000
MOST_PATHS = 50_000
"""That are looked at in one turn: some tens of milliseconds."""
_MOST_REMEMBERED = 200_000


class Place(NamedTuple):
    """Where a job's tasks wait: all that a hold may be of, beside the paths."""

    site: str
    queue: str
    function: str
    job: int


class _Held(NamedTuple):
    id: int
    prefix: bytes


@dataclass(slots=True)
class Sieve:
    """Of one turn. ``more``: not all was looked at that might be handed out."""

    memory: Memory
    more: bool = False

    def sift(self, tx: Connection, waiting: Mapping[Place, Sequence[int]]) -> set[int]:
        """Of these tasks that are ready those that may be handed out; what is held is put aside.

        The rows of their jobs are locked from here on, so that none of them is cancelled or paused meanwhile.
        """
        holds = _holds(tx, list(waiting))
        free = {task for place, tasks in waiting.items() if place not in holds for task in tasks}
        unknown: dict[int, Place] = {}
        for place, held in holds.items():
            for task in waiting[place]:
                if self.memory.sifted.get(task) == _ids(held):
                    free.add(task)
                else:
                    unknown[task] = place
        running = lock_running(tx, {place.job for place in unknown.values()})
        looked_at = _look(tx, sorted(task for task, place in unknown.items() if place.job in running)[:MOST_TASKS])
        aside: list[tuple[Place, int, int]] = []
        for task, paths in looked_at.items():
            place = unknown.pop(task)
            held = next((one for one in holds[place] if any_below(paths, one.prefix)), None)
            if held is not None:
                aside.append((place, task, held.id))
            else:
                free.add(task)
                self._remember(task, _ids(holds[place]))
        self.more = self.more or any(place.job in running for place in unknown.values()) or bool(aside)
        _put_aside(tx, aside)
        return free

    def _remember(self, task: int, holds: tuple[int, ...]) -> None:
        if len(self.memory.sifted) >= _MOST_REMEMBERED:
            self.memory.sifted.clear()
        self.memory.sifted[task] = holds


def _ids(holds: Iterable[_Held]) -> tuple[int, ...]:
    return tuple(hold.id for hold in holds)


_HOLDS = text("""
    select u.place - 1 as place, h.id, h.path_prefix
    from unnest(cast(:site as text[]), cast(:queue as text[]), cast(:job as bigint[]))
      with ordinality as u(site, queue, job, place)
    join jobs j on j.id = u.job
    join holds h on h.path_prefix is not null and h.released_at is null and coalesce(h.until > clock_timestamp(), true)
      and (h.job_id is null or h.job_id = j.id) and (h.site is null or h.site = u.site)
      and (h.queue is null or h.queue = u.queue) and (h.workflow is null or h.workflow = j.workflow)
      and (h.owner is null or h.owner = j.owner)
    order by h.id
""")


def _holds(tx: Connection, places: Sequence[Place]) -> dict[Place, list[_Held]]:
    """The open holds of paths that agree with each of these places; where there is none, it is left out."""
    asked = {name: [getattr(place, name) for place in places] for name in ("site", "queue", "job")}
    found: defaultdict[Place, list[_Held]] = defaultdict(list)
    for row in tx.execute(_HOLDS, asked):
        found[places[row.place]].append(_Held(row.id, bytes(row.path_prefix)))
    return dict(found)


_PATHS = text("""
    select task, paths from (
      select u.task, b.paths, sum(b.n) over (order by u.task) - b.n as before
      from unnest(cast(:tasks as bigint[])) as u(task) join batches b on b.id = u.task >> :bits
    ) x where before < :most order by task
""")


def _look(tx: Connection, tasks: Sequence[int]) -> dict[int, Sequence[bytes]]:
    """The paths of these tasks' batches, as many as are looked at in one turn."""
    rows = tx.execute(_PATHS, {"tasks": list(tasks), "bits": STEP_BITS, "most": MOST_PATHS})
    return {row.task: unpack(row.paths).paths for row in rows}


_PUT_ASIDE = text("""
    with held as (
      delete from ready using unnest(
        cast(:site as text[]), cast(:queue as text[]), cast(:function as text[]), cast(:job as bigint[]),
        cast(:task as bigint[]), cast(:hold as bigint[])
      ) as u(site, queue, function, job, task, hold)
      where ready.site = u.site and ready.queue = u.queue and ready.function = u.function
        and ready.job_id = u.job and ready.task_id = u.task
      returning u.job, u.task, u.hold
    ),
    kept as (insert into held_tasks (job_id, task_id, hold_id) select job, task, hold from held)
    update holds set keeps = true where id in (select hold from held) and not keeps
""")


def _put_aside(tx: Connection, tasks: Sequence[tuple[Place, int, int]]) -> None:
    if tasks:
        asked: dict[str, Any] = {name: [getattr(place, name) for place, _, _ in tasks] for name in Place._fields}
        tx.execute(_PUT_ASIDE, asked | {"task": [task for _, task, _ in tasks], "hold": [hold for _, _, hold in tasks]})


OVER = "from holds where keeps and (released_at is not null or until <= statement_timestamp())"
"""SQL: the holds that hold nothing any more, and keep tasks back still."""

_JOBS = text(f"""
    select id from jobs where id in (
      select distinct job_id from (
        select job_id from held_tasks where hold_id in (select id {OVER}) limit :most
      ) kept
    ) and state <> 'Dequeuing' order by id for share
""")  # noqa: S608 - our own words
_LET_GO = text(f"""
    with free as (
      delete from held_tasks using (
        select job_id, task_id from held_tasks
        where hold_id in (select id {OVER}) and job_id = any(cast(:jobs as bigint[])) limit :most
      ) next
      where held_tasks.job_id = next.job_id and held_tasks.task_id = next.task_id
      returning held_tasks.job_id, held_tasks.task_id
    )
    insert into ready (site, queue, function, job_id, task_id)
    select s.site, s.queue, s.function, free.job_id, free.task_id
    from free join tasks t on t.id = free.task_id
    join job_steps s on s.job_id = free.job_id and s.rule = t.rule and s.step = (free.task_id & :mask)
""")  # noqa: S608 - our own words
_EMPTY = text(f"""
    update holds set keeps = false
    where id in (select id {OVER}) and not exists (select from held_tasks where hold_id = holds.id)
""")  # noqa: S608 - our own words


def let_go(tx: Connection) -> int:
    """Make some of what a hold kept back ready again, if it no longer holds; how many. Another may stop it then."""
    jobs = list(tx.execute(_JOBS, {"most": MOST_TASKS}).scalars())
    moved = tx.execute(_LET_GO, {"jobs": jobs, "most": MOST_TASKS, "mask": STEP_MASK}).rowcount
    if moved < MOST_TASKS:
        tx.execute(_EMPTY)
    return moved
