"""Making chains: a batch of paths, a task for each step from its first one on, and that first one ready."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from orchestrator.domain.chain import task_id
from orchestrator.domain.retry import RetryPolicy, policy_of
from orchestrator.domain.task import TaskState
from orchestrator.services.ask import Ask, Asked, ask, ask_of
from orchestrator.storage import tables
from orchestrator.storage.copy import copy_in
from orchestrator.storage.counters import Deltas
from orchestrator.storage.together import write


class Chain(NamedTuple):
    """A batch that is to become a chain; known by its walk, the number of its entry and its place there."""

    job: int
    rule: int
    subtree: int
    sequence: int
    n: int
    paths: bytes
    """Packed (contracts.paths)."""
    first: int = 0
    """The step at which it begins."""
    carry: bytes | None = None
    """Names and notes from the steps before, packed."""
    place: int = 0
    """Which of its entry's batches it is."""


class Link(NamedTuple):
    """One step of a rule's chain: all that is the same for its tasks."""

    place: tuple[str, str, str]
    """Its lane: site, queue, function."""
    waits: bool
    """For the end of discovery."""
    action: str
    policy: RetryPolicy
    people: Ask | None = None
    """Who is asked, where people do it."""
    dry: bool = False
    """Nothing of it is run: what would be is counted."""
    remembers: bool = False
    """Paths that come to a good end are no news at the next run."""


Plan = Mapping[tuple[int, int], Sequence[Link]]
"""(job, rule) -> its chain, step by step."""

_PLAN = text("""
    select s.job_id, s.rule, s.site, s.queue, s.function, s.waits, s.action, s.options -> 'retries' as retries,
      s.options -> 'manual' as manual, d.memory is not null as remembers,
      exists (select from forecasts f where f.job_id = s.job_id and f.rule = s.rule) as dry
    from job_steps s left join discoveries d on d.job_id = s.job_id
    where s.job_id = any(cast(:jobs as bigint[])) order by s.job_id, s.rule, s.step
""")
_IDS = text("select nextval('batches_id_seq') from generate_series(1, :n)")


def read_plan(tx: Connection, jobs: Iterable[int]) -> Plan:
    """The chains that these jobs' rules make."""
    plan: defaultdict[tuple[int, int], list[Link]] = defaultdict(list)
    for row in tx.execute(_PLAN, {"jobs": sorted(set(jobs))}):
        place = (row.site, row.queue, row.function)
        people = None if row.manual is None else ask_of(row.queue, row.manual)
        link = Link(place, row.waits, row.action, policy_of(row.retries), people, row.dry, row.remembers)
        plan[row.job_id, row.rule].append(link)
    return dict(plan)


def write_chains(tx: Connection, chains: Sequence[Chain], plan: Plan, deltas: Deltas) -> None:
    """Add them, and count their paths and tasks; their jobs' rows are locked. Those of dry runs are only counted."""
    dry = [chain for chain in chains if plan[chain.job, chain.rule][0].dry]
    if dry:
        foresee(tx, dry, deltas)
        chains = [chain for chain in chains if not plan[chain.job, chain.rule][0].dry]
    if not chains:
        return
    ids = tx.execute(_IDS, {"n": len(chains)}).scalars().all()
    batch_rows: list[tuple[Any, ...]] = []
    task_rows: list[tuple[Any, ...]] = []
    ready_rows: list[tuple[Any, ...]] = []
    carry_rows: list[tuple[Any, ...]] = []
    asked: list[Asked] = []
    for id, chain in zip(ids, chains, strict=True):
        links = plan[chain.job, chain.rule]
        batch_rows.append((id, chain.job, chain.rule, chain.subtree, chain.sequence, chain.place, chain.n, chain.paths))
        first = task_id(id, chain.first)
        task_rows.append((first, chain.job, chain.rule, TaskState.PENDING, chain.n))
        later = range(first + 1, task_id(id, len(links)))
        task_rows += ((task, chain.job, chain.rule, TaskState.PENDING, 0) for task in later)
        if people := links[chain.first].people:
            asked.append(Asked(first, chain.job, chain.rule, people))
        elif not links[chain.first].waits:
            ready_rows.append((*links[chain.first].place, chain.job, first))
        if chain.carry is not None:
            carry_rows.append((first, chain.carry))
        deltas.jobs[chain.job].update(total=chain.n, open_tasks=len(links) - chain.first)
        for step in range(chain.first, len(links)):
            deltas.steps[chain.job, chain.rule, step][TaskState.PENDING] += 1
    columns = ("id", "job_id", "rule", "subtree", "sequence", "place", "n", "paths")
    copy_in(tx, tables.batches, columns, batch_rows)
    copy_in(tx, tables.tasks, ("id", "job_id", "rule", "state", "given"), task_rows)
    copy_in(tx, tables.ready, ("site", "queue", "function", "job_id", "task_id"), ready_rows)
    ask(tx, asked)
    if carry_rows:
        copy_in(tx, tables.carries, ("task_id", "carry"), carry_rows)


_FORESEE = text("""
    update forecasts f set batches = f.batches + u.batches, paths = f.paths + u.paths
    from unnest(cast(:job as bigint[]), cast(:rule as int[]), cast(:batches as int[]), cast(:paths as bigint[]))
      as u(job, rule, batches, paths)
    where f.job_id = u.job and f.rule = u.rule
""")


def foresee(tx: Connection, chains: Iterable[Chain], deltas: Deltas) -> None:
    """Count what would be run; its paths are skipped."""
    seen: defaultdict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for chain in chains:
        seen[chain.job, chain.rule][0] += 1
        seen[chain.job, chain.rule][1] += chain.n
        deltas.jobs[chain.job].update(total=chain.n, skipped=chain.n)
    job, rule = zip(*seen, strict=True)
    batches, paths = zip(*seen.values(), strict=True)
    values = {"job": list(job), "rule": list(rule), "batches": list(batches), "paths": list(paths)}
    write(tx, _FORESEE, values, len(seen), "forecasts")
