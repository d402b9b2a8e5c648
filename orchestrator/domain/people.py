"""Machines with people in them: every edge also says who may fire it.

Who is asking is a set: the caller's roles, and how they stand to the job. An edge is open to whoever is in one of the
sets that it names; one that names none is the system's own. So two answers follow from one table: an event that no edge
opens to the caller, whatever the state, is not theirs (403); one that only this state does not open comes at the wrong
moment (409).
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeVar

from orchestrator.domain.machine import Machine, edges
from orchestrator.domain.roles import Role
from orchestrator.errors import Forbidden

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class Relation(StrEnum):
    """How a person stands to a job."""

    CANDIDATE = "candidate"  # it is assigned to them, or to a group of theirs
    HOLDER = "holder"  # they have claimed it, or are a candidate while nobody has
    AT_WORK = "at work"  # of a group job: they are the holder of a task of it that is being worked on


Who = Role | Relation

NOBODY: frozenset[Who] = frozenset()
"""The system alone."""
PLANNERS: frozenset[Who] = frozenset({Role.PLANNER, Role.ADMIN})
CONTROLLERS: frozenset[Who] = frozenset({Role.OPERATOR, Role.PLANNER, Role.ADMIN})
TAKERS: frozenset[Who] = frozenset({Relation.CANDIDATE, *PLANNERS})
"""Who may begin what is assigned."""
DOERS: frozenset[Who] = frozenset({Relation.HOLDER, *PLANNERS})
"""Who may go on with it."""

_INNER_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class PeopleMachine(Machine[S, E]):
    """A machine whose rows are (from any of these, on this event, to that, fired by any of these)."""

    def __init__(
        self,
        name: str,
        start: tuple[E, S],
        *rows: tuple[Iterable[S], E, S, Collection[Who]],
        also: tuple[E, S] | None = None,
        ends: Collection[S] | None = None,
    ) -> None:
        table = edges(*((sources, event, target) for sources, event, target, _ in rows))
        super().__init__(name, start, table, also=also, ends=ends)
        self.who = {(source, event): frozenset(who) for sources, event, _, who in rows for source in sources}

    def open_to(self, asking: Collection[Who], state: S) -> tuple[E, ...]:
        """The events that somebody who is all this may fire in this state, in the order of the table."""
        return tuple(event for event in self.legal(state) if not self.who[state, event].isdisjoint(asking))

    def must_be_open(self, event: E, asking: Collection[Who]) -> None:
        """Forbidden when the event is not theirs, whatever the state; one without an edge is nobody's, and illegal."""
        may = [who for (_, which), who in self.who.items() if which == event]
        if may and all(who.isdisjoint(asking) for who in may):
            raise Forbidden(f"{event} of this {self.name} is not yours to fire")

    def named(self, event: str) -> E | None:
        """The event of this name, as it is spelled or in kebab case; None when there is none."""
        return next((known for known in self.events if event in (known.value, kebab(known))), None)


def kebab(event: str) -> str:
    """An event as an address has it: ``GiveUp`` is ``give-up``."""
    return _INNER_CAPITAL.sub("-", event).lower()


@dataclass(frozen=True, slots=True)
class Person:
    """Who is asking: a user, in these roles and groups."""

    name: str
    roles: frozenset[Role] = frozenset()
    groups: frozenset[str] = frozenset()

    @property
    def leads(self) -> bool:
        """Whether they may act for others."""
        return not self.roles.isdisjoint(PLANNERS)

    def asking(self, assigned: "Assigned") -> frozenset[Who]:
        """All that they are to a job that is assigned so."""
        candidate = self.name == assigned.assignee or assigned.group in self.groups
        holder = self.name == assigned.claimed_by or (candidate and assigned.claimed_by is None)
        found: set[Who] = {*self.roles}
        found |= {Relation.CANDIDATE} if candidate else set()
        found |= {Relation.HOLDER} if holder else set()
        return frozenset(found)


class Assigned(NamedTuple):
    """Whose a job is: a user's, a group's of which anyone may claim it, and who has done so."""

    assignee: str | None = None
    group: str | None = None
    claimed_by: str | None = None


DESPITE_HOLDS = frozenset(
    {"PauseRequested", "ResumedUnstarted", "Resumed", "CancelRequested", "CancelRemainingTasks", "Abandon", "Archive"}
)
"""The events that a hold does not stop: those that end work, or keep it from being done."""
