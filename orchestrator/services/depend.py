"""Dependencies: a job may not begin until others are at least at a state. Met or not is written with their states."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from orchestrator.contracts.dependency import Dependency
from orchestrator.domain.batch_job import JobState
from orchestrator.domain.dependency import GOOD, ended, reached, wanted
from orchestrator.errors import Conflict, Fault, Invalid
from orchestrator.services.hold import DEPENDENCY, HUB, hold_job
from orchestrator.storage.history import record

MOST_MET = 500
"""Jobs that are told in one transaction."""
_REFUSAL = "the job can not wait for that"
_ORDER = 0x0DE9_E4D5


def depend(tx: Connection, job: int, asked: Sequence[Dependency]) -> None:
    """Let a new job, which nobody else knows yet, wait for others. Invalid for those that there are not."""
    _write(tx, job, asked, _others(tx, asked))


def lock_dependents(tx: Connection, job: int, asked: Sequence[Dependency]) -> None:
    """Lock the job with those that it is to wait for, as ``depend_instead`` needs it: before any other row."""
    # Two that are asked for at once could make a circle that neither of them sees.
    tx.execute(text("select pg_advisory_xact_lock(:order)"), {"order": _ORDER})
    tx.execute(_LOCK, {"jobs": sorted({job, *(one.job for one in asked)})})


def depend_instead(tx: Connection, job: int, asked: Sequence[Dependency]) -> None:
    """Let a job wait for these, and for no others. Conflict once it has begun, or where they wait for it in turn."""
    if tx.execute(_BEGUN, {"job": job}).scalar_one():
        raise Conflict(f"job {job} has begun: it can wait for nothing any more")
    others = _others(tx, asked)
    _refuse_circles(tx, job, asked)
    tx.execute(_FORGET, {"job": job})
    _write(tx, job, asked, others)


_LOCK = text("select from jobs where id = any(cast(:jobs as bigint[])) order by id for update")
_BEGUN = text("""
    select j.state not in ('Pending', 'Ready', 'Proposed', 'Allocated') or j.started_at is not null
      or exists (select from group_tasks g where g.group_id = j.id and g.status > 1)
      or exists (select from walks w where w.job_id = j.id and (w.attempt > 0 or w.state <> 'Waiting'))
    from jobs j where j.id = :job
""")
_FORGET = text("delete from dependencies where job_id = :job")
_OTHERS = text("""
    select id, kind, state, started_at is not null as begun from jobs
    where id = any(cast(:jobs as bigint[])) and pruned_at is null order by id for share
""")


def _others(tx: Connection, asked: Sequence[Dependency]) -> dict[int, Row[Any]]:
    """The jobs that are waited for, locked until the end of the transaction: they do not move meanwhile."""
    if not asked:
        return {}
    rows = {row.id: row for row in tx.execute(_OTHERS, {"jobs": sorted({one.job for one in asked})})}
    faults: list[Fault] = []
    seen: set[int] = set()
    for place, one in enumerate(asked):
        row, where = rows.get(one.job), f"$.depends_on[{place}]"
        if row is None:
            faults.append(Fault(f"{where}.job", f"there is no job {one.job}"))
        elif one.job in seen:
            faults.append(Fault(f"{where}.job", f"job {one.job} is named twice"))
        elif one.state is not None and one.state not in wanted(row.kind):
            known = ", ".join(wanted(row.kind))
            faults.append(Fault(f"{where}.state", f"a job of kind {row.kind} can be waited for to be one of {known}"))
        seen.add(one.job)
    if faults:
        raise Invalid(_REFUSAL, faults[:20])
    return rows


_CIRCLE = text("""
    with recursive before as (
      select u.job as id from unnest(cast(:jobs as bigint[])) as u(job)
      union
      select d.on_job from dependencies d join before b on d.job_id = b.id where d.outcome is distinct from 'met'
    )
    select exists (select from before where id = :job)
""")


def _refuse_circles(tx: Connection, job: int, asked: Sequence[Dependency]) -> None:
    for one in asked:
        if tx.execute(_CIRCLE, {"job": job, "jobs": [one.job]}).scalar_one():
            raise Conflict(f"job {one.job} waits for job {job} itself: the two would wait for each other for ever")


_ADD = text("""
    insert into dependencies (job_id, on_job, wanted, outcome, settled_at)
    select :job, u.on_job, u.wanted, u.outcome, case when u.outcome = 'met' then clock_timestamp() end
    from unnest(cast(:on as bigint[]), cast(:wanted as text[]), cast(:outcome as text[])) as u(on_job, wanted, outcome)
""")
_AWAIT = text("""
    update jobs set awaits = (select count(*) from dependencies d where d.job_id = :job and d.settled_at is null)
    where id = :job
""")


def _write(tx: Connection, job: int, asked: Sequence[Dependency], others: dict[int, Row[Any]]) -> None:
    states = [one.state or GOOD[others[one.job].kind] for one in asked]
    outcomes = [_outcome(others[one.job], state) for one, state in zip(asked, states, strict=True)]
    if asked:
        tx.execute(_ADD, {"job": job, "on": [one.job for one in asked], "wanted": states, "outcome": outcomes})
    tx.execute(_AWAIT, {"job": job})


def _outcome(other: Row[Any], state: str) -> str | None:
    came_to = reached(other.state)
    if other.begun:
        came_to |= reached(JobState.STARTED)
    if state in came_to:
        return "met"
    return "never" if ended(other.state) else None


NEWS = "from dependencies where outcome is not null and settled_at is null"
"""SQL: those of which the jobs that wait have not been told what became of them."""
_NEWS = text(f"select distinct job_id {NEWS} order by job_id limit :most")
_TOLD = text("""
    update dependencies set settled_at = clock_timestamp()
    where job_id = any(cast(:jobs as bigint[])) and outcome is not null and settled_at is null
    returning job_id, on_job, wanted, outcome
""")


def meet(tx: Connection) -> bool:
    """Tell jobs what has become of those that they wait for; whether there was something to tell.

    One that was waited for in vain holds the job: somebody has to look.
    """
    jobs = tx.execute(_NEWS, {"most": MOST_MET}).scalars().all()
    if not jobs:
        return False
    tx.execute(_LOCK, {"jobs": jobs})
    told: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for row in tx.execute(_TOLD, {"jobs": jobs}):
        told[row.job_id].append(row)
    open_ones = set(tx.execute(_OPEN, {"jobs": jobs}).scalars())
    for job, rows in sorted(told.items()):
        tx.execute(_AWAIT, {"job": job})
        for row in sorted(rows, key=lambda row: row.on_job):
            what = f"job {row.on_job} to be at least {row.wanted}"
            if row.outcome == "met":
                record(tx, job, "DependencyMet", actor=HUB, reason=f"waited for {what}")
            elif job in open_ones:
                hold_job(tx, job, DEPENDENCY, f"can not be met: it waits for {what}, and that has ended otherwise")
    return True


_OPEN = text("select id from jobs where id = any(cast(:jobs as bigint[])) and ended_at is null")
