"""What is handed out next: parcel by parcel, within each lane's credits, to the job whose turn it is."""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from orchestrator.domain.chain import STEP_MASK, step_of
from orchestrator.domain.shares import weight
from orchestrator.services.hold import held
from orchestrator.services.lanes import Lane
from orchestrator.services.limits import Limited, Limits, read_limits
from orchestrator.services.memory import Memory, Step
from orchestrator.services.sift import Place, Sieve

_PARCEL_S = 0.01
"""What a parcel counts for at least: it takes a place, however short its tasks are."""
_MOST_LOOKED_AT = 2048
"""Tasks of one job, of which a lane's next parcels are made."""
_MOST_LOOKED_PAST = 10_000
"""Tasks of one job that are passed over, since of their actions as many run as may."""


@dataclass(slots=True)
class Load:
    """Tasks of one step that travel together."""

    lane: Lane
    step: Step
    tasks: list[int] = field(default_factory=list[int])
    paths: int = 0
    seconds: float = 0.0
    """What they are thought to take."""
    may_take_s: float = 0.0
    """What they might take: so much of the lane is thought to be taken by them."""


class _Ready(NamedTuple):
    task: int
    paths: int


_Piles = dict[Step, deque[_Ready]]
"""What a job has ready, step by step, in order."""
_Key = tuple[Lane, int]
"""A job, in a lane."""


def choose(tx: Connection, lanes: Sequence[Lane], memory: Memory, sieve: Sieve | None = None) -> list[Load]:
    """As many parcels as these lanes take; nothing is written but what a sieve puts aside, below held paths."""
    free = [lane for lane in lanes if lane.takes(0, 0.0)]
    waiting, limits = _waiting(tx, free, memory)
    next_ones: list[_Key] = []
    for lane, weights in waiting.items():
        shares = memory.shares[lane.place]
        shares.keep(weights)
        next_ones += ((lane, job) for job in shares.order(weights)[: lane.places])
    # Where paths are held, many are looked at: what is put aside makes room for what is behind it.
    piles = _look(tx, next_ones, memory, limits, _MOST_LOOKED_AT if sieve is not None else 0)
    if sieve is not None:
        _sift(tx, sieve, piles)
    return [load for lane, weights in waiting.items() for load in _share_out(lane, weights, piles, memory, limits)]


# The jobs that have something ready are found by skipping through the key of `ready`, whatever waits in each of them.
_WAITING = text(f"""
    with recursive lane as (
      select * from unnest(cast(:site as text[]), cast(:queue as text[]), cast(:function as text[]))
        with ordinality as u(site, queue, function, place)
    ),
    found as (
      select lane.*, next.job_id from lane cross join lateral (
        select r.job_id from ready r where r.site = lane.site and r.queue = lane.queue and r.function = lane.function
        order by r.job_id limit 1) next
      union all
      select found.site, found.queue, found.function, found.place, next.job_id from found cross join lateral (
        select r.job_id from ready r where r.site = found.site and r.queue = found.queue
          and r.function = found.function and r.job_id > found.job_id
        order by r.job_id limit 1) next
    )
    select found.place - 1 as place, j.id, j.priority, j.workflow, j.max_running
    from found join jobs j on j.id = found.job_id
    where j.ended_at is null and j.state in ('Pending', 'Started')
      and coalesce(j.not_before <= clock_timestamp(), true) and not {held("found.site", "found.queue")}
""")  # noqa: S608 - our own words


def _waiting(tx: Connection, free: Sequence[Lane], memory: Memory) -> tuple[dict[Lane, dict[int, float]], Limits]:
    """The jobs that have something ready in each of these lanes, and may go on, with weights, and limits."""
    waiting: defaultdict[Lane, dict[int, float]] = defaultdict(dict)
    limited: dict[int, Limited] = {}
    if free:
        asked = {name: [getattr(lane, name) for lane in free] for name in ("site", "queue", "function")}
        for row in tx.execute(_WAITING, asked):
            waiting[free[row.place]][row.id] = weight(row.priority)
            if row.max_running is not None:
                limited[row.id] = Limited(row.workflow, row.max_running)
    limits = read_limits(tx, limited, memory)
    full = {job for job in limited if limits.full(job)}
    for lane in [lane for lane, weights in waiting.items() if full & weights.keys()]:
        waiting[lane] = {job: weight for job, weight in waiting[lane].items() if job not in full}
    return waiting, limits


_LOOK = text("""
    select u.place - 1 as place, r.task_id, t.rule, t.given
    from unnest(
      cast(:site as text[]), cast(:queue as text[]), cast(:function as text[]), cast(:job as bigint[]),
      cast(:most as int[]), cast(:partial as text[]), cast(:full as text[])
    ) with ordinality as u(site, queue, function, job, most, partial, "full", place)
    cross join lateral (
      select r.task_id from (
        select r.task_id from ready r
        where r.site = u.site and r.queue = u.queue and r.function = u.function and r.job_id = u.job
          and (u.partial = '' or not exists (
            select from tasks t join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
            where t.id = r.task_id and s.action = any(string_to_array(u.partial, ' '))))
        order by r.task_id limit case when u."full" = '' then u.most else :past end
      ) r
      where u."full" = '' or not exists (
        select from tasks t join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
        where t.id = r.task_id and s.action = any(string_to_array(u."full", ' ')))
      order by r.task_id limit u.most
    ) r
    join tasks t on t.id = r.task_id
    order by r.task_id
""")


def _look(tx: Connection, jobs: Sequence[_Key], memory: Memory, limits: Limits, least: int = 0) -> dict[_Key, _Piles]:
    """Of each of these jobs as many tasks as could be handed out now."""
    piles: dict[_Key, _Piles] = {key: {} for key in jobs}
    if jobs:
        most = memory.most_of({job for _, job in jobs})
        asked: dict[str, Any] = {
            name: [getattr(lane, name) for lane, _ in jobs] for name in ("site", "queue", "function")
        }
        asked["job"] = [job for _, job in jobs]
        # What only some of a lane's workers offer waits until all do: any of them may get it.
        asked["partial"] = [" ".join(lane.partial) for lane, _ in jobs]
        asked["full"] = [" ".join(limits.full_actions(job)) for _, job in jobs]
        asked["most"] = [min(max(least, most[job] * lane.places), _MOST_LOOKED_AT) for lane, job in jobs]
        for row in tx.execute(_LOOK, asked | {"mask": STEP_MASK, "past": _MOST_LOOKED_PAST}):
            lane, job = jobs[int(row.place)]
            step = Step(job, row.rule, step_of(row.task_id))
            piles[lane, job].setdefault(step, deque()).append(_Ready(row.task_id, row.given))
    return piles


def _sift(tx: Connection, sieve: Sieve, piles: dict[_Key, _Piles]) -> None:
    """Leave what no held path stops."""
    waiting = {
        Place(*lane.place, job): [ready.task for pile in some.values() for ready in pile]
        for (lane, job), some in piles.items()
    }
    free = sieve.sift(tx, waiting)
    for key, some in piles.items():
        left = {step: deque(ready for ready in pile if ready.task in free) for step, pile in some.items()}
        piles[key] = {step: pile for step, pile in left.items() if pile}


def _share_out(
    lane: Lane, weights: Mapping[int, float], piles: Mapping[_Key, _Piles], memory: Memory, limits: Limits
) -> Iterator[Load]:
    """One parcel after the other, to whichever job is next."""
    shares = memory.shares[lane.place]
    waiting = {job: piles[lane, job] for job in weights if piles.get((lane, job))}
    parcels, seconds = 0, 0.0
    while waiting and lane.takes(parcels, seconds):
        job = shares.next(waiting)
        load = _load(lane, waiting[job], memory, limits, only_full=not lane.hungry(parcels))
        if not waiting[job] or load is None:
            del waiting[job]
        if load is not None:
            shares.give(job, max(_PARCEL_S, load.seconds), weights[job])
            parcels, seconds = parcels + 1, seconds + load.may_take_s
            limits.take(load.step)
            yield load


def _load(lane: Lane, piles: _Piles, memory: Memory, limits: Limits, *, only_full: bool) -> Load | None:
    """A parcel of what a job has ready, the oldest chains first; where that is little, all processes get some.

    Where it is limited it has no more tasks than there may be parcels: its paths may be too many bytes for one.
    """
    for step in sorted(piles, key=lambda step: piles[step][0]):
        pile, pace, load = piles[step], memory.paces[step], Load(lane, step)
        if not (room := limits.room(step)):
            continue
        if only_full and pace.fits(len(pile) + 1, sum(ready.paths for ready in pile)):
            continue
        share = min(room, len(pile) if only_full else -(-len(pile) // lane.concurrency))
        while pile and len(load.tasks) < share and pace.fits(len(load.tasks) + 1, load.paths + pile[0].paths):
            ready = pile.popleft()
            load.tasks.append(ready.task)
            load.paths += ready.paths
        if not pile:
            del piles[step]
        load.seconds, load.may_take_s = pace.seconds(load.paths), pace.may_take(load.paths)
        return load
    return None
