"""What the failed paths of a job share: a sample of them beside a sample of all, each read within a bound.

Up to some hundred tasks or batches all are looked at. Of more, that many are taken, spread over the whole job, and
of each some paths; what they stand for is weighed, so that the numbers are estimates of the whole.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from orchestrator.contracts import views
from orchestrator.contracts.paths import PathList, indices, unpack
from orchestrator.contracts.text import path_json
from orchestrator.domain.chain import STEP_BITS, STEP_MASK, batch_of, step_of
from orchestrator.domain.fingerprint import fingerprint
from orchestrator.domain.shared import Sample, Shared, shared
from orchestrator.domain.task import TaskState
from orchestrator.domain.trait import Having, Trait, Windows, of_path, of_size, of_worker

TASKS = 400
"""So many tasks with failures, and so many batches of all, are looked at."""
PATHS = 10_000
"""About so many paths of each."""
LEAST_PATHS = 25
"""Of each of them, where there are many."""
DISCOVERY = "discovery"


@dataclass(slots=True)
class _Looked:
    """A sample, and how much of the whole it is."""

    sample: Sample = field(default_factory=Sample)
    paths: int = 0
    """That were looked at."""
    stands_for: float = 0
    whole: bool = True
    """Nothing was left out."""

    def add(self, having: Iterable[Having], weight: float = 1) -> None:
        self.sample.add(having, weight)
        self.paths += 1
        self.stands_for += weight


def read_shared(tx: Connection, job_id: int, prints: Sequence[str] = ()) -> views.WhatIsShared:
    """What a job's failed paths share; with ``prints`` only those that failed so."""
    job = tx.execute(_JOB, {"job": job_id, "prints": list(prints) or None}).one()
    reading = _Reading(tx, job_id, job, list(prints) or None)
    failed = reading.failed()
    every = reading.every()
    scale = job.failed / failed.stands_for if failed.stands_for and not failed.whole else 1
    return views.WhatIsShared(
        failed=views.LookedAt(paths=job.failed, looked_at=failed.paths),
        all=views.LookedAt(paths=job.total, looked_at=every.paths),
        sampled=not (failed.whole and every.whole),
        items=[_view(one) for one in shared(failed.sample, every.sample, scale=scale)],
    )


def _view(one: Shared) -> views.SharedTrait:
    value = path_json(one.value.encode(errors="surrogateescape")) if one.trait is Trait.FOLDER else one.value
    numbers = {name: getattr(one, name) for name in ("failed", "failed_known", "all", "all_known")}
    return views.SharedTrait(trait=one.trait, value=value, **numbers, lift=round(one.lift, 2))


_JOB = text("""
    select j.site, coalesce(j.started_at, j.created_at) as started_at, coalesce(j.ended_at, now()) as until,
      coalesce(p.total, 0) as total, coalesce(p.troubles, 0) as troubles,
      case when cast(:prints as text[]) is null then coalesce(p.failed + p.aborted, 0) else (
        select coalesce(sum(g.paths), 0)::bigint from error_groups g
        where g.job_id = j.id and g.fingerprint = any(cast(:prints as text[]))) end as failed
    from jobs j left join progress p on p.job_id = j.id where j.id = :job
""")
_STEPS = text("select rule, step, action, site, function, error, failure from job_steps where job_id = :job")
# Points spread over the ids, and at each of them the next one: by an index, whatever the job's size. They are not at
# equal distances, since what is found may have a rhythm of its own; but always the same.
_SPREAD = """
    select distinct t.id from (
      select :lo + ((:hi - :lo) * ((i + (hashint4(i) & 65535) / 65536.0) / :n))::bigint as at
      from generate_series(0, :n - 1) i
    ) points cross join lateral (
      select id from tasks where job_id = :job and id >= points.at and {which} order by id limit 1
    ) t
"""
_FEW = "select id from tasks where job_id = :job and {which} order by id limit :most"
_ENDS = "select min(id) as lo, max(id) as hi from tasks where job_id = :job and {which}"
_OF_PRINTS = text("""
    select distinct task_id as id from outcomes
    where job_id = :job and task_id <> 0 and outcome in ('failed', 'aborted')
      and fingerprint = any(cast(:prints as text[])) limit :most
""")
_TASKS = text("""
    select id, rule, state, given, given_bits, failed + aborted as bad, error, worker, started_at, ended_at
    from tasks where id = any(cast(:ids as bigint[])) order by id
""")
_FAILED = text("""
    select o.* from unnest(cast(:ids as bigint[])) as t(id) cross join lateral (
      select task_id, index as place, path, fingerprint from outcomes
      where job_id = :job and task_id = t.id and outcome in ('failed', 'aborted') order by index limit :most
    ) o
""")
_TROUBLES = text("""
    select o.path from outcomes o
    where o.job_id = :job and o.task_id = 0
      and (cast(:prints as text[]) is null or o.fingerprint = any(cast(:prints as text[])))
    order by o.index limit :most
""")
_BATCHES = text("select id, n, paths from batches where id = any(cast(:ids as bigint[]))")
_CHAINS = text("""
    select t.* from unnest(cast(:batches as bigint[])) as b(id) cross join lateral (
      select id, rule, given, worker, started_at, ended_at from tasks
      where id between b.id << :bits and b.id << :bits | :mask and given > 0 and ended_at is not null
    ) t
""")
_FEW_BATCHES = text("select id from batches where job_id = :job limit :most")
_ANY, _ERROR, _FAILURE = "true", "stopped = 'Error'", "stopped = 'Failure'"


@dataclass(slots=True)
class _Reading:
    """Looking at one job."""

    tx: Connection
    job_id: int
    job: Row[Any]
    prints: list[str] | None
    steps: Mapping[tuple[int, int], Row[Any]] = field(init=False)
    windows: Windows = field(init=False)

    def __post_init__(self) -> None:
        rows = self.tx.execute(_STEPS, {"job": self.job_id})
        self.steps = {(row.rule, row.step): row for row in rows}
        self.windows = Windows(self.job.started_at, self.job.until)

    def failed(self) -> _Looked:
        """Paths that failed or were gone."""
        looked = _Looked()
        self._troubles(looked)
        self._one_by_one(looked)
        self._whole_tasks(looked)
        return looked

    def _troubles(self, looked: _Looked) -> None:
        rows = self.tx.execute(_TROUBLES, {"job": self.job_id, "prints": self.prints, "most": PATHS}).all()
        looked.whole &= len(rows) < PATHS
        for row in rows:
            looked.add([*of_path(bytes(row.path)), (Trait.STEP, DISCOVERY), (Trait.SITE, self.job.site)])

    def _one_by_one(self, looked: _Looked) -> None:
        """Those with a row of their own, in tasks that had a result."""
        if self.prints is not None and self.job.failed <= PATHS:
            ids = (
                self.tx.execute(_OF_PRINTS, {"job": self.job_id, "prints": self.prints, "most": TASKS}).scalars().all()
            )
            whole = len(ids) < TASKS
        else:
            ids, whole = self._pick(_ERROR)
        tasks = {row.id: row for row in self.tx.execute(_TASKS, {"ids": ids}) if row.state != TaskState.FAILURE}
        stands_for = 1 if whole else sum(step.error for step in self.steps.values()) / max(len(tasks), 1)
        each = max(LEAST_PATHS, PATHS // max(len(tasks), 1))
        told: defaultdict[int, list[Row[Any]]] = defaultdict(list)
        for row in self.tx.execute(_FAILED, {"ids": list(tasks), "job": self.job_id, "most": each}):
            told[row.task_id].append(row)
        sizes = self._sizes(tasks)
        looked.whole &= whole
        for id, rows in told.items():
            task = tasks[id]
            weight = max(task.bad / len(rows), 1.0)
            looked.whole &= weight == 1
            weight *= stands_for
            of_task = list(self._of_task(task))
            for row in rows:
                if self.prints is None or row.fingerprint in self.prints:
                    size = sizes[id][int(row.place)] if sizes[id] else None
                    looked.add([*of_path(bytes(row.path)), *of_task, *_size(size)], weight)

    def _whole_tasks(self, looked: _Looked) -> None:
        """All the paths of tasks that broke."""
        ids, whole = self._pick(_FAILURE)
        looked.whole &= whole
        stands_for = 1 if whole else sum(step.failure for step in self.steps.values()) / len(ids)
        tasks = [row for row in self.tx.execute(_TASKS, {"ids": ids}) if self._is_meant(row)]
        each = max(LEAST_PATHS, PATHS // max(len(tasks), 1))
        batches = self._unpacked(batch_of(row.id) for row in tasks)
        for task in tasks:
            batch = batches[batch_of(task.id)]
            places = list(indices(task.given_bits, len(batch)))
            of_task = list(self._of_task(task))
            looked.whole &= len(places) <= each
            for place, weight in _some(places, each):
                looked.add([*of_path(batch.paths[place]), *of_task, *_size_at(batch, place)], weight * stands_for)

    def _is_meant(self, task: Row[Any]) -> bool:
        if self.prints is None:
            return True
        error: dict[str, str] = task.error or {}
        step = step_of(task.id)
        action = self.steps[task.rule, step].action
        return fingerprint(error.get("error_class", ""), error.get("message", ""), action, step) in self.prints

    def every(self) -> _Looked:
        """All paths: once each for what their names say, and for each step that they have been through."""
        looked = _Looked()
        batches, looked.whole = self._pick_batches()
        found = self.job.total - self.job.troubles
        stands_for = 1 if looked.whole else found / sum(map(len, batches.values()))
        each = max(LEAST_PATHS, PATHS // max(len(batches), 1))
        for batch in batches.values():
            looked.whole &= len(batch) <= each
            for place, weight in _some(range(len(batch)), each):
                looked.add([*of_path(batch.paths[place]), *_size_at(batch, place)], weight * stands_for)
        for task in self.tx.execute(_CHAINS, {"batches": list(batches), "bits": STEP_BITS, "mask": STEP_MASK}):
            looked.sample.add(self._of_task(task), task.given * stands_for)
        if self.job.troubles:
            site = self.job.site
            looked.sample.add([(Trait.STEP, DISCOVERY), (Trait.SITE, site)], self.job.troubles)
        return looked

    def _pick_batches(self) -> tuple[dict[int, PathList], bool]:
        few = self.tx.execute(_FEW_BATCHES, {"job": self.job_id, "most": TASKS + 1}).scalars().all()
        if len(few) <= TASKS:
            return self._unpacked(few), True
        return self._unpacked(map(batch_of, self._spread(_ANY))), False

    def _pick(self, which: str) -> tuple[Sequence[int], bool]:
        """Tasks of a kind: all, when they are few, else some that are spread over the job; and whether it is all."""
        few = self.tx.execute(text(_FEW.format(which=which)), {"job": self.job_id, "most": TASKS + 1}).scalars().all()
        return (few, True) if len(few) <= TASKS else (self._spread(which), False)

    def _spread(self, which: str) -> Sequence[int]:
        ends = self.tx.execute(text(_ENDS.format(which=which)), {"job": self.job_id}).one()
        values = {"job": self.job_id, "n": TASKS, "lo": ends.lo, "hi": ends.hi + 1}
        return self.tx.execute(text(_SPREAD.format(which=which)), values).scalars().all()

    def _unpacked(self, ids: Iterable[int]) -> dict[int, PathList]:
        rows = self.tx.execute(_BATCHES, {"ids": sorted(set(ids))})
        return {row.id: unpack(bytes(row.paths)) for row in rows}

    def _sizes(self, tasks: Mapping[int, Row[Any]]) -> dict[int, list[int | None]]:
        batches = self._unpacked(map(batch_of, tasks))
        return {id: batches[batch_of(id)].sizes for id in tasks}

    def _of_task(self, task: Row[Any]) -> Iterator[Having]:
        step = self.steps[task.rule, step_of(task.id)]
        yield Trait.STEP, f"{step.step} {step.action}"
        if step.function != "people":
            yield Trait.SITE, step.site
        if task.worker:
            yield from of_worker(task.worker)
        at: datetime | None = task.ended_at or task.started_at
        if at is not None:
            yield self.windows.of(at)


def _some(places: Sequence[int], most: int) -> Iterator[tuple[int, float]]:
    """At most about so many of them, evenly, and how many each stands for."""
    stride = -(-len(places) // most)
    taken = places[::stride] if stride else places
    return ((place, len(places) / len(taken)) for place in taken)


def _size_at(batch: PathList, place: int) -> Iterator[Having]:
    return _size(batch.sizes[place] if batch.sizes else None)


def _size(size: int | None) -> Iterator[Having]:
    if size is not None:
        yield of_size(size)
