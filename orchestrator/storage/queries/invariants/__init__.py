"""The invariants of the record, asked of the database itself: each check is a query that gives what violates one.

They hold in every snapshot, also beside a running hub, and need nothing but the tables. What they cost grows with the
tasks of the jobs that are looked at: ``choose`` takes those that run and the newest that have ended, up to a bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from orchestrator.domain.chain import STEP_BITS, STEP_MASK
from orchestrator.domain.halving import MOST_CRASHES
from orchestrator.domain.kinds import MACHINES
from orchestrator.storage.guards import GUARDED
from orchestrator.storage.queries.invariants import edits, jobs, paths, tasks
from orchestrator.storage.queries.invariants.check import Check
from orchestrator.storage.queries.invariants.promises import PROMISES, Promise

__all__ = ["CHECKS", "PROMISES", "Chosen", "Promise", "Violation", "choose", "violations"]

CHECKS: Sequence[Check] = (*tasks.CHECKS, *paths.CHECKS, *jobs.CHECKS, *edits.CHECKS)
GRACE_S = 75.0
"""A lease, and what a hub takes to judge that had to begin anew and to hear everybody first."""
MOST_TASKS = 500_000
MOST_ENDED = 200
MOST_SHOWN = 20
"""Violations of one check; there may be more."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be."""

    invariant: str
    """Such as I1."""
    what: str
    """The sentence that does not hold."""
    detail: str
    """Where, and what is there instead."""

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The jobs that are looked at."""

    jobs: Sequence[int]
    tasks: int
    """How many they have."""
    left_out: int
    """Jobs that were not taken, for their size."""


def choose(tx: Connection, most_tasks: int = MOST_TASKS, most_ended: int = MOST_ENDED) -> Chosen:
    """Jobs that run, the small ones first, then the newest that have ended; all in all at most so many tasks."""
    rows = tx.execute(_CHOOSE, {"ended": most_ended}).all()
    taken: list[int] = []
    total = 0
    for row in rows:
        if total + row.tasks <= most_tasks:
            taken.append(row.id)
            total += row.tasks
    return Chosen(taken, total, len(rows) - len(taken))


_CHOOSE = text("""
    with chosen as (
      (select id, ended_at from jobs where ended_at is null)
      union all
      (select id, ended_at from jobs where ended_at is not null and pruned_at is null order by id desc limit :ended)
    )
    select c.id, coalesce(s.tasks, 0)::bigint as tasks from chosen c
    left join lateral (
      select sum(pending + started + success + error + failure + skipped + cancelled) as tasks
      from job_steps where job_id = c.id
    ) s on true
    order by c.ended_at is not null, case when c.ended_at is null then s.tasks end, c.id desc
""")


def violations(
    tx: Connection, settled: bool = False, grace_s: float = GRACE_S, jobs: Sequence[int] | None = None
) -> list[Violation]:
    """What does not hold, at most MOST_SHOWN of each check; ``tx`` is one snapshot (queries.snapshot).

    ``settled`` says that faults ended, and everybody had the time to make up for them: then every job that nobody holds
    has ended, too. ``grace_s``: for so long nothing may be heard of what was claimed before that is noticed. ``jobs``
    are those to look at; None: those that are chosen.
    """
    looked_at = choose(tx).jobs if jobs is None else jobs
    values = {
        "jobs": list(looked_at),
        "most": MOST_SHOWN,
        "bits": STEP_BITS,
        "mask": STEP_MASK,
        "patience": grace_s,
        "most_crashes": MOST_CRASHES,
        "triggers": [f"{table}_ends" for table in GUARDED],
        "edges": [
            f"{kind} {before} {event} {after}"
            for kind, machine in MACHINES.items()
            for (before, event), after in machine.edges.items()
        ],
        "starts": [f"{kind} {event} {state}" for kind, machine in MACHINES.items() for event, state in machine.starts],
    }
    found: list[Violation] = []
    for check in CHECKS:
        if settled or not check.only_settled:
            rows = tx.execute(check.statement, values).scalars()
            found += (Violation(check.invariant, check.what, detail) for detail in rows)
    return found
