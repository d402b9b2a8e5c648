"""What those that failed share, and how special that is: how often they have it against how often all have it.

A sample of either is counted with weights, so that a few hundred batches speak for a million paths.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from math import log2

from orchestrator.domain.trait import Having, Trait

MOST_OF_A_TRAIT = 3
LEAST_LIFT, LEAST_SHARE = 1.2, 0.1
"""What is told of a trait besides its most frequent value."""


@dataclass(slots=True)
class Sample:
    """How many have what, as far as it is known of them."""

    having: defaultdict[Having, float] = field(default_factory=lambda: defaultdict[Having, float](float))
    known: defaultdict[Trait, float] = field(default_factory=lambda: defaultdict[Trait, float](float))
    """Of how many something is known about this trait."""

    def add(self, having: Iterable[Having], weight: float = 1) -> None:
        """One more, or one that stands for several."""
        traits: set[Trait] = set()
        for one in having:
            self.having[one] += weight
            traits.add(one[0])
        for trait in traits:
            self.known[trait] += weight


@dataclass(frozen=True, slots=True)
class Shared:
    """Something that paths share. Of a sample the numbers are estimates."""

    trait: Trait
    value: str
    failed: int
    """Of those that failed, so many have it,"""
    failed_known: int
    """among so many of whom it is known;"""
    all: int
    """of all, so many have it,"""
    all_known: int
    """among so many."""

    @property
    def share(self) -> float:
        """The part of those that failed that have it."""
        return self.failed / self.failed_known

    @property
    def lift(self) -> float:
        """How many times as frequent it is among those that failed as among all: 1 = it is nothing special."""
        return self.share / (self.all / self.all_known)

    @property
    def weight(self) -> float:
        """By how much it sets them apart (its part of the Kullback-Leibler divergence, in bits)."""
        return self.share * log2(self.lift)


def shared(failed: Sample, every: Sample, *, scale: float = 1) -> list[Shared]:
    """What they share, what sets them most apart first; one of ``failed`` stands for ``scale`` paths."""
    covered = _covered(failed)
    told = [
        _shared(having, failed, every, scale)
        for having, count in failed.having.items()
        if round(count * scale) > 0 and not (having[0] is Trait.FOLDER and having[1] in covered)
    ]
    told.sort(key=lambda one: one.trait)
    chosen = [one for _, some in groupby(told, key=lambda one: one.trait) for one in _chosen(list(some))]
    return sorted(chosen, key=lambda one: (-round(one.weight, 6), -one.share, one.trait, one.value))


def _shared(having: Having, failed: Sample, every: Sample, scale: float) -> Shared:
    trait, value = having
    count, known = round(failed.having[having] * scale), round(failed.known[trait] * scale)
    # Those that failed are among all, also where the sample of all has missed them.
    return Shared(
        trait,
        value,
        count,
        max(known, count),
        max(round(every.having.get(having, 0)), count),
        max(round(every.known.get(trait, 0)), known, count),
    )


def _covered(failed: Sample) -> set[str]:
    """Folders of which all that failed did so in one folder of theirs: that one says more."""
    covered: set[str] = set()
    for (trait, folder), count in failed.having.items():
        above = folder[: folder.rstrip("/").rfind("/") + 1]
        if trait is Trait.FOLDER and above and folder != above and failed.having.get((trait, above)) == count:
            covered.add(above)
    return covered


def _chosen(some: list[Shared]) -> Iterator[Shared]:
    first = max(some, key=lambda one: (one.failed, one.lift))
    yield first
    others = [one for one in some if one is not first and one.lift >= LEAST_LIFT and one.share >= LEAST_SHARE]
    yield from sorted(others, key=lambda one: -one.weight)[: MOST_OF_A_TRAIT - 1]
