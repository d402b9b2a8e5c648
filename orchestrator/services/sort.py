"""Sorting by a job's rules what no walker has sorted, and cutting it into the batches of which chains are made.

A walker does this at its site (workers/discovery/gather.py). It falls to who takes what is streamed in, and to the
hub where paths have a state that it alone knows.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from orchestrator.contracts.parcel import RuleOrder
from orchestrator.contracts.paths import PathList, pack
from orchestrator.domain.rules import RuleSet
from orchestrator.services.chains import Chain


class Found(Protocol):
    """A path, with what rules ask for."""

    @property
    def path(self) -> bytes:
        """All of it."""
        ...

    @property
    def kind(self) -> str:
        """A letter of contracts.paths.KINDS."""
        ...

    @property
    def state(self) -> str | None:
        """What has happened to it, where that is known."""
        ...

    @property
    def base(self) -> bytes:
        """The starting path under which it was found; a batch has one."""
        ...


T = TypeVar("T", bound=Found)


class Rules(Generic[T]):
    """The rules of a job, made ready; ``columns`` makes of some paths what a batch has of them."""

    def __init__(self, orders: Sequence[RuleOrder], columns: Callable[[Sequence[T]], PathList]) -> None:
        self._rules, self._sizes = RuleSet(orders), [max(1, order.batch_size) for order in orders]
        self._columns = columns

    def sort(self, found: Iterable[T]) -> "Sorted[T]":
        """Which rule each path takes."""
        match = self._rules.match
        taken: defaultdict[tuple[int, bytes], list[T]] = defaultdict(list)
        unmatched: list[T] = []
        for one in found:
            rule = match(one.path, one.kind, one.state, one.base)
            if rule is None:
                unmatched.append(one)
            else:
                taken[rule, one.base].append(one)
        batches = [(rule, part) for (rule, _), some in taken.items() for part in self._parts(rule, some)]
        return Sorted([(rule, len(part), pack(self._columns(part))) for rule, part in batches], unmatched)

    def _parts(self, rule: int, some: Sequence[T]) -> Iterator[Sequence[T]]:
        size = self._sizes[rule]
        return (some[begin : begin + size] for begin in range(0, len(some), size))


def read_rules(kept: Any) -> list[RuleOrder]:
    """The rules of a job, as its discovery keeps them."""
    return msgspec.convert(kept, list[RuleOrder], strict=False)


@dataclass(frozen=True, slots=True)
class Sorted(Generic[T]):
    """What it comes to."""

    batches: Sequence[tuple[int, int, bytes]]
    """The rule, how many paths, and these, packed."""
    unmatched: Sequence[T]
    """Those that no rule takes."""

    def chains(self, job: int, subtree: int, sequence: int) -> list[Chain]:
        """The chains of these batches, as one entry of a walk."""
        return [
            Chain(job, rule, subtree, sequence, n, paths, place=place)
            for place, (rule, n, paths) in enumerate(self.batches)
        ]
