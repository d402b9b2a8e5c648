"""Firing an event at a job: one way for every kind, with the answers in the order 403, 404, 409, 422.

What an event does beside moving the state is an ``Action``, which the kind declares; what may be fired by whom is in
the kind's machine (domain/kinds.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from sqlalchemy import Connection, Row, text

from orchestrator.domain.kinds import MACHINES, Kind
from orchestrator.domain.people import Person
from orchestrator.errors import Conflict, IllegalTransition, NotFound
from orchestrator.services.control import Revoke
from orchestrator.services.keys import Caller
from orchestrator.storage.audit import audit
from orchestrator.storage.queries.holds import holds_of
from orchestrator.storage.queries.legal import Facts, asking, legal_events, read_facts

B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Firing:
    """An event that is being fired, allowed and possible; the job's row is locked, and so are those it is a part of."""

    tx: Connection
    job: Row[Any]
    """Its row of ``jobs``."""
    event: StrEnum
    actor: str
    possible: Sequence[str]
    """What they may fire at the job now."""
    revoke: Revoke | None
    """Takes back what is with the sites; None without a broker."""


@dataclass(frozen=True, slots=True)
class Action(Generic[B]):
    """What an event needs to be told, and what it does: moves the state, writes the history, and what follows."""

    said: type[B]
    do: Callable[[Firing, B], Any]
    again: frozenset[str] = frozenset()
    """The states in which it is so already: asking again is no error, and does no harm."""


Actions = Mapping[StrEnum, Action[Any]]
Read = Callable[[type[BaseModel]], Any]
"""Reads what was said, as this model; raises Invalid."""


def fire(
    tx: Connection,
    job_id: int,
    name: str,
    caller: Caller,
    read: Read,
    actions: Mapping[Kind, Actions],
    revoke: Revoke | None = None,
    *,
    kind: Kind | None = None,
) -> Any:
    """Fire the event of this name (``GiveUp`` or ``give-up``) at a job; what its action returns.

    NotFound for no such job (or none of this ``kind``) or event, Forbidden for the wrong person, IllegalTransition or
    Conflict at the wrong moment, with the events that would be legal; Invalid for what was said.
    """
    job, person = locked(tx, job_id), caller.person
    if kind is not None and job.kind != kind:
        raise NotFound(f"job {job_id} is no {kind} job")
    machine = MACHINES[Kind(job.kind)]
    event = machine.named(name)
    if event is None:
        raise NotFound(f"nothing that can happen to this {machine.name} is called {name!r}")
    caller.must_reach(job.site, job.workflow)
    facts = read_facts(tx, [job])
    who = asking(person, job, facts)
    machine.must_be_open(event, who)
    action = actions[Kind(job.kind)].get(event)
    possible = _possible(tx, job, event, person, facts, repeats=action is not None and job.state in action.again)
    assert action is not None  # noqa: S101 - what is open to somebody has an action
    said = read(action.said)
    done = action.do(Firing(tx, job, event, person.name, possible, revoke), said)
    audit(tx, person.name, f"job.{event}", f"job {job_id}", getattr(said, "reason", None))
    return done


def _possible(
    tx: Connection, job: Row[Any], event: StrEnum, person: Person, facts: Facts, *, repeats: bool
) -> list[str]:
    """What they may fire at it now; IllegalTransition or Conflict when this event is not among it, and no repeat."""
    held = holds_of(tx, [job]).get(job.id, [])
    waits = job.awaits > 0
    possible = legal_events(person, job, facts, held=bool(held) or waits)
    if repeats or event in possible:
        return possible
    if waits and event in legal_events(person, job, facts, held=False):
        raise Conflict(f"job {job.id} may not begin before the jobs that it depends on are so far", legal=possible)
    if held and event in legal_events(person, job, facts, held=False):
        reasons = "; ".join(f"{hold.reason} (hold {hold.id})" for hold in held)
        raise Conflict(f"job {job.id} is held: {reasons}", legal=possible)
    raise IllegalTransition(MACHINES[Kind(job.kind)].name, job.state, event, possible)


def locked(tx: Connection, job_id: int) -> Row[Any]:
    """The job's row, locked together with those of all that it is a part of, the outermost first; or NotFound.

    A run of a workflow is locked alone: it moves by itself, and what it is a part of is told afterwards.
    """
    tx.execute(_LOCK, {"job": job_id})
    row = tx.execute(_READ, {"job": job_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job_id}")
    return row


_LOCK = text("""
    with recursive line as (
      select id, parent_id, kind from jobs where id = :job
      union all
      select up.id, up.parent_id, up.kind from jobs up join line on up.id = line.parent_id where line.kind <> 'batch'
    )
    select from jobs where id in (select id from line) order by id for update
""")
_READ = text("select * from jobs where id = :job and pruned_at is null")
