"""Changes that were found, sorted by the workflow's rules: the one discovery whose rules are applied by the hub.

Only the hub knows what was there before, so only it knows a path's state, which rules may ask for.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from orchestrator.contracts.parcel import RuleOrder
from orchestrator.contracts.paths import PathList, pack, path_list
from orchestrator.contracts.sighting import Stamp
from orchestrator.domain.rules import RuleSet
from orchestrator.services.chains import Chain

CREATED, MODIFIED, MOVED, DELETED = "created", "modified", "moved", "deleted"


class Change(NamedTuple):
    """What happened to one path; ``stamp`` is what it is now, and of one that is gone what it was."""

    memory: int
    base: bytes
    folder: bytes
    """With its slash at the end."""
    name: bytes
    kind: str
    stamp: Stamp
    state: str
    moved_from: bytes | None = None

    @property
    def path(self) -> bytes:
        """The whole path."""
        return self.folder + self.name


class Sorter:
    """Sorts changes of one job by its rules."""

    def __init__(self, job: int, orders: Sequence[RuleOrder]) -> None:
        self._job, self._sizes = job, [order.batch_size for order in orders]
        self._rules = RuleSet(orders)
        self._sorted: defaultdict[tuple[int, bytes], list[Change]] = defaultdict(list)
        self.unmatched: list[Change] = []
        """Those that no rule takes."""

    def add(self, changes: Iterable[Change]) -> None:
        """Sort some more."""
        for change in changes:
            rule = self._rules.match(change.path, change.kind, change.state, change.base)
            if rule is None:
                self.unmatched.append(change)
            else:
                self._sorted[rule, change.base].append(change)

    def chains(self, subtree: int, sequence: int) -> list[Chain]:
        """What they come to, as one entry of a walk."""
        batches = [(rule, part) for (rule, _), changes in self._sorted.items() for part in self._parts(rule, changes)]
        return [
            Chain(self._job, rule, subtree, sequence, len(part), pack(columns(part)), place=place)
            for place, (rule, part) in enumerate(batches)
        ]

    def _parts(self, rule: int, changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
        size = max(1, self._sizes[rule])
        return (changes[begin : begin + size] for begin in range(0, len(changes), size))


def columns(changes: Sequence[Change]) -> PathList:
    """Changes below one base, as a batch has them."""
    found = path_list(
        [change.path for change in changes],
        "".join(change.kind for change in changes),
        [change.state for change in changes],
        [change.stamp[1] if change.kind == "f" else None for change in changes],
        changes[0].base,
    )
    found.stamps = [change.stamp for change in changes]
    if any(change.moved_from for change in changes):
        found.moved_from = [change.moved_from for change in changes]
    return found
