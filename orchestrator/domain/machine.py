"""One table is one machine: ``(state, event) -> state``, without guards.

Two outcomes are two events, chosen by a pure function before the machine is asked. What is not in the table
raises; what has no edge out of it is terminal. Pictures in docs/ and the database's trigger come from the tables.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from orchestrator.errors import IllegalTransition

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class Machine(Generic[S, E]):
    """The states and events of one kind of thing, and every edge between them.

    ``start`` is the event that makes the thing, and the state in which it begins; ``also`` another such. ``ends`` are
    the states in which it is done with, though there may be edges out of them; by default those that have none.
    """

    def __init__(
        self,
        name: str,
        start: tuple[E, S],
        edges: Mapping[tuple[S, E], S],
        *,
        also: tuple[E, S] | None = None,
        ends: Collection[S] | None = None,
    ) -> None:
        self.name, self.start, self.edges = name, start, dict(edges)
        self.starts = (start,) if also is None else (start, also)
        self.events: type[E] = type(start[0])
        met = {*(state for _, state in self.starts), *(state for state, _ in self.edges), *self.edges.values()}
        self.states: tuple[S, ...] = tuple(state for state in type(start[1]) if state in met)
        leaving = {state for state, _ in self.edges}
        self.terminal: frozenset[S] = frozenset(state for state in self.states if state not in leaving)
        self.ends: frozenset[S] = self.terminal if ends is None else frozenset(ends)
        if not self.terminal <= self.ends:
            raise ValueError(f"{', '.join(sorted(self.terminal - self.ends))}: never left, and no end")

    def state(self, word: str) -> S:
        """The state that is spelled so."""
        return type(self.start[1])(word)

    @property
    def words(self) -> tuple[str, ...]:
        """Its states, as they are spelled everywhere."""
        return tuple(state.value for state in self.states)

    def fire(self, state: S, event: E) -> S:
        """The state that follows; raises IllegalTransition, naming what would be legal."""
        try:
            return self.edges[state, event]
        except KeyError:
            raise IllegalTransition(self.name, state, event, self.legal(state)) from None

    def legal(self, state: S) -> tuple[E, ...]:
        """The events that have an edge out of this state, in the order of the table."""
        return tuple(event for source, event in self.edges if source == state)


def edges(*rows: tuple[Iterable[S], E, S]) -> dict[tuple[S, E], S]:
    """Write a table as rows of (from any of these, on this event, to that); a pair named twice is a mistake."""
    table: dict[tuple[S, E], S] = {}
    for sources, event, target in rows:
        for source in sources:
            if (source, event) in table:
                raise ValueError(f"{source} has two edges for {event}")
            table[source, event] = target
    return table
