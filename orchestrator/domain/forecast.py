"""How long work will take, from what its actions have been taking: a reckoning, as if nothing else were to do."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Lane = tuple[str, str, str]
"""Site, queue, function."""


@dataclass(frozen=True, slots=True)
class Load:
    """One step of a rule's chain, over all that took the rule."""

    rule: int
    lane: Lane
    batches: int
    seconds: float | None
    """What all of it takes, one task after the other; None: nobody knows, it never ran there."""


def expected_s(loads: Sequence[Load], processes: Mapping[Lane, int]) -> float | None:
    """The seconds until all is done; None when that can not be told.

    No lane can be done before its processes have shared its work among them, and no batch before it has gone through
    its chain: the longest of these is what all takes, since lanes and chains go on side by side.
    """
    work: defaultdict[Lane, float] = defaultdict(float)
    chain: defaultdict[int, float] = defaultdict(float)
    for load in loads:
        if not load.batches:
            continue
        if load.seconds is None or not processes.get(load.lane):
            return None
        work[load.lane] += load.seconds
        chain[load.rule] += load.seconds / load.batches
    lanes = [seconds / processes[lane] for lane, seconds in work.items()]
    return max([*lanes, *chain.values()], default=0.0)
