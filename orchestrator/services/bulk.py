"""Doing the same with many jobs: each in a transaction of its own, so that none waits for, or fails with, another.

Every deed may be repeated: what is so already stays as it is, and is told apart from what was changed.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from orchestrator.contracts.bulk import BulkAsked, Deed
from orchestrator.contracts.hold import HoldAsked, Scope
from orchestrator.contracts.redrive import RedriveAsked
from orchestrator.domain.batch_job import BATCH_JOB, JobState
from orchestrator.domain.kinds import ENDS, MACHINES, Kind
from orchestrator.errors import Conflict, Forbidden, IllegalTransition, NotFound, Refused
from orchestrator.services.actions import ACTIONS
from orchestrator.services.control import Revoke
from orchestrator.services.fire import fire
from orchestrator.services.hold import place, release
from orchestrator.services.keys import Caller
from orchestrator.services.redrive import redrive, sources
from orchestrator.storage.queries.job_filter import JobFilter, select_jobs
from orchestrator.storage.queries.snapshot import snapshot
from orchestrator.storage.tables import holds, jobs

BUDGET_S = 20.0
"""A request that has taken so long looks at no further job."""
MOST_SKIPS = 100
_EVENTS = {Deed.PAUSE: "PauseRequested", Deed.RESUME: "Resumed", Deed.CANCEL: "CancelRequested"}
_PEOPLES = ("manual", "tolerance", "breaker", "deadline")
"""The kinds of holds that somebody releases; the others end with what they are for."""


class _AsItIs(Exception):
    """It is so already."""


@dataclass(slots=True)
class Done:
    """What was done, or would be."""

    changed: int = 0
    unchanged: int = 0
    skipped: list[tuple[int, str, str]] = field(default_factory=list[tuple[int, str, str]])
    """Job, state, and why."""
    made: list[int] = field(default_factory=list[int])
    last: int | None = None
    """The last job that was looked at, where there are more."""


def do_with_many(engine: Engine, asked: BulkAsked, who: Caller, cursor: int | None, revoke: Revoke | None) -> Done:
    """Do it with the jobs that match, the oldest first, from behind the one of ``cursor`` on."""
    wanted = JobFilter(**{name: getattr(asked.filter, name) for name in type(asked.filter).model_fields})
    with snapshot(engine) as tx:
        rows = select_jobs(tx, wanted, asked.limit + 1, cursor)
        facts = _read_facts(tx, asked.action, [row.id for row in rows])
    done, began = Done(), time.monotonic()
    for place_, row in enumerate(rows):
        if place_ == asked.limit or time.monotonic() - began > BUDGET_S:
            done.last = rows[place_ - 1].id
            break
        try:
            _must_be_possible(row, asked, who, facts)
            if not asked.dry_run:
                with engine.begin() as tx:
                    done.made += _do(tx, row.id, asked, who, revoke)
            done.changed += 1
        except _AsItIs:
            done.unchanged += 1
        except (Conflict, Forbidden, IllegalTransition, NotFound) as refused:
            done.skipped.append((row.id, row.state, refused.detail if isinstance(refused, Refused) else str(refused)))
    return done


def _must_be_possible(row: Row[Any], asked: BulkAsked, who: Caller, facts: "_Facts") -> None:
    """Raise why not, or _AsItIs; as far as that can be told without the job's lock."""
    who.must_reach(row.site, row.workflow)
    deed = asked.action
    if deed in _EVENTS:
        _must_take(row, _EVENTS[deed])
    elif deed is Deed.REDRIVE:
        _must_be_redrivable(row, facts)
    elif deed is Deed.HOLD:
        if row.state in ENDS:
            raise Conflict(f"job {row.id} has ended: {row.state}")
        if any(hold.author == who.user and hold.reason == asked.reason for hold in facts.of(row.id)):
            raise _AsItIs
    elif not facts.of(row.id):
        raise _AsItIs


def _must_take(row: Row[Any], name: str) -> None:
    machine = MACHINES[Kind(row.kind)]
    event = machine.named(name)
    action = None if event is None else ACTIONS[Kind(row.kind)].get(event)
    if event is None or action is None:
        raise Conflict(f"a {machine.name} can not be asked for that")
    if row.state in action.again:
        raise _AsItIs
    legal = machine.legal(machine.state(row.state))
    if event not in legal:
        raise IllegalTransition(machine.name, row.state, event, legal)


def _must_be_redrivable(row: Row[Any], facts: "_Facts") -> None:
    if row.kind != Kind.BATCH or row.state not in BATCH_JOB.terminal:
        raise Conflict(f"job {row.id} is {row.state}: what runs a workflow and has ended can be redriven")
    if row.state == JobState.SUCCESS:
        raise Conflict(f"nothing of job {row.id} is left to be redriven")
    if row.id in facts.redriven:
        raise _AsItIs


def _do(tx: Connection, job: int, asked: BulkAsked, who: Caller, revoke: Revoke | None) -> Iterator[int]:
    """Do it, once more looked at under the job's lock; the ids of what was made."""
    match asked.action:
        case Deed.REDRIVE:
            said = RedriveAsked(include=asked.include, reason=asked.reason)
            return iter([redrive(tx, job, sources(tx, job), said, who.user)])
        case Deed.HOLD:
            said = HoldAsked(scope=Scope(job=job), reason=asked.reason or "", until=asked.until)
            return iter([place(tx, said, who.user)])
        case Deed.RELEASE:
            for hold in tx.execute(_open_holds([job])).all():
                release(tx, hold.id, who.user, asked.reason)
        case _:
            said = {"reason": asked.reason} | ({"force": True} if asked.force else {})
            fire(tx, job, _EVENTS[asked.action], who, lambda model: model(**said), ACTIONS, revoke)
    return iter(())


@dataclass(frozen=True, slots=True)
class _Facts:
    holds: Sequence[Row[Any]] = ()
    redriven: Collection[int] = ()
    """Jobs of which a redrive goes on."""

    def of(self, job: int) -> Iterator[Row[Any]] | list[Row[Any]]:
        return [hold for hold in self.holds if hold.job_id == job]


def _open_holds(ids: Sequence[int]) -> Any:
    mine = holds.c.job_id.in_(ids) & holds.c.released_at.is_(None) & holds.c.kind.in_(_PEOPLES)
    return select(holds.c.id, holds.c.job_id, holds.c.author, holds.c.reason).where(mine).order_by(holds.c.id)


def _read_facts(tx: Connection, deed: Deed, ids: Sequence[int]) -> _Facts:
    if deed in (Deed.HOLD, Deed.RELEASE):
        return _Facts(holds=tx.execute(_open_holds(ids)).all())
    if deed is Deed.REDRIVE:
        live = select(jobs.c.redrive_of).where(jobs.c.redrive_of.in_(ids), jobs.c.ended_at.is_(None))
        return _Facts(redriven=frozenset(tx.scalars(live)))
    return _Facts()
