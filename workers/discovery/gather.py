"""Gathering what is found, by the rule it takes, until it is enough for an entry of the batch stream."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.contracts.batch import Found as Batched
from orchestrator.contracts.batch import Trouble as Troubled
from orchestrator.contracts.parcel import RuleOrder
from orchestrator.contracts.paths import pack, path_list
from orchestrator.contracts.sighting import Sighting
from orchestrator.domain.rules import RuleSet
from workers.discovery.finding import Listing

MOST_BYTES = 1024 * 1024
"""Of paths in one entry."""
_CHUNK_BYTES = MOST_BYTES // 4
_CHUNK_PATHS = 1000
_MOST_TROUBLES = 500
_MOST_KNOWN = 10_000
_MOST_SIGHTED = 5_000
"""Names whose stamps make an entry: some tens of milliseconds of the hub's."""
_STAMP_BYTES = 20
_EXTENSION = re.compile(r"\*\.[^*?\[\]/.]+")
"""A glob that asks for nothing but what stands after the last dot."""
_ENOUGH = 250
"""Paths that are worth an entry, once they have come to whole batches: so many batches of one it has at most."""


class Sorter:
    """Tells which rule each of many paths takes. ValueError when a rule makes no sense."""

    def __init__(self, orders: Sequence[RuleOrder]) -> None:
        self._rules = RuleSet(orders)
        globs = [glob for order in orders for glob in (*order.include, *order.exclude)]
        self._by_name = not any("/" in glob for glob in globs)
        self._by_extension = all(_EXTENSION.fullmatch(glob) for glob in globs)
        self._by_kind = not globs
        self._known: dict[tuple[str, bytes], int | None] = {}
        """The rules for kinds and extensions that were met already."""

    def sort(self, found: Listing) -> list[int | None]:
        """The rule's index for each path, None where there is none."""
        match = self._rules.match
        if found.states:
            rows = zip(found.names, found.kinds, found.states, strict=True)
            return [match(found.folder + name, kind, state, found.base) for name, kind, state in rows]
        if self._by_kind:
            rule_of = {kind: match(b"", kind) for kind in set(found.kinds)}
            return [rule_of[kind] for kind in found.kinds]
        if self._by_extension:
            return self._sort_by_extension(found)
        if self._by_name:
            return [match(name, kind) for name, kind in zip(found.names, found.kinds, strict=True)]
        folder, base = found.folder, found.base
        return [match(folder + name, kind, None, base) for name, kind in zip(found.names, found.kinds, strict=True)]

    def _sort_by_extension(self, found: Listing) -> list[int | None]:
        """What stands after the last dot tells all, and there is little else in a folder that differs."""
        known = self._known
        # A name without a dot has its last character for an extension, which no glob has without the dot.
        keys = [(kind, name[name.rfind(b".") :]) for name, kind in zip(found.names, found.kinds, strict=True)]
        if len(known) > _MOST_KNOWN:
            known.clear()
        for key, name in zip(keys, found.names, strict=True):
            if key not in known:
                known[key] = self._rules.match(name, key[0])
        return [known[key] for key in keys]


@dataclass(slots=True)
class _Rows:
    """The paths of one rule that have not come to a whole batch."""

    room: int
    paths: list[bytes] = field(default_factory=list[bytes])
    kinds: list[str] = field(default_factory=list[str])
    states: list[str | None] = field(default_factory=list["str | None"])
    sizes: list[int | None] = field(default_factory=list["int | None"])

    def take(self, chunk: Listing, begin: int, end: int) -> int:
        """Take these paths of a chunk, for which there is room; how many bytes they are."""
        folder, here = chunk.folder, slice(begin, end)
        paths = [folder + name for name in chunk.names[here]] if folder else chunk.names[here]
        self.paths += paths
        self.kinds.append(chunk.kinds[here])
        self.states += chunk.states[here] or [None] * len(paths)
        self.sizes += chunk.sizes[here] or [None] * len(paths)
        self.room -= len(paths)
        return sum(map(len, paths))

    def batch(self, rule: int, base: bytes) -> Batched:
        """What has been taken, as a batch."""
        packed = pack(path_list(self.paths, "".join(self.kinds), self.states, self.sizes, base))
        return Batched(rule, len(self.paths), packed)


class Gathering:
    """What has been found since the last entry. All of it goes into one entry, so that one cursor is behind it."""

    def __init__(self, orders: Sequence[RuleOrder]) -> None:
        self._batch_sizes = [max(1, order.batch_size) for order in orders]
        self._smallest = min(self._batch_sizes, default=1)
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self._whole: list[Batched] = []
        self._rows: dict[int, _Rows] = {}
        self._paths = self._bytes = 0
        self.base = b""
        self.unmatched = 0
        self.troubles: list[Troubled] = []
        self.sightings: list[Sighting] = []
        self._sighted = 0
        self.full = False
        """Nothing more goes in: what is at hand completes no other batch, or this is enough for one entry."""

    def __bool__(self) -> bool:
        return bool(self._whole or self._rows or self.unmatched or self.troubles or self.sightings)

    def suits(self, base: bytes) -> bool:
        """Whether paths with this base can join: an entry has one base."""
        return not (self._whole or self._rows) or self.base == base

    def add(self, chunk: Listing, rules: Sequence[int | None], begin: int) -> int:
        """Take paths of a chunk, from ``begin`` on, until full; the index of the first that was not taken."""
        self.base = chunk.base
        rule = rules[begin]
        if begin == 0 and rules.count(rule) == len(rules):
            return self._take(chunk, rule, begin, len(rules))
        at = begin
        while at < len(rules) and not self.full:
            end, rule = at + 1, rules[at]
            while end < len(rules) and rules[end] == rule:
                end += 1
            at = self._take(chunk, rule, at, end)
        return at

    def add_trouble(self, path: bytes, message: str, error_class: str) -> None:
        """Take a path that could not be handled."""
        self.troubles.append(Troubled(path, message, error_class))
        self._count(len(path) + len(message))
        self.full |= len(self.troubles) >= _MOST_TROUBLES

    def add_sighting(self, sighting: Sighting) -> None:
        """Take what was seen in a folder."""
        self.sightings.append(sighting)
        self._sighted += len(sighting.names)
        self._count(len(sighting.folder) + sum(map(len, sighting.names)) + _STAMP_BYTES * len(sighting.names))
        self.full |= self._sighted >= _MOST_SIGHTED

    def batches(self) -> list[Batched]:
        """The paths: whole batches, and one more a rule for the rest."""
        return self._whole + [rows.batch(rule, self.base) for rule, rows in sorted(self._rows.items())]

    def _take(self, chunk: Listing, rule: int | None, begin: int, end: int) -> int:
        """Take a run of paths that go one way, until full; the index of the first that was not taken."""
        if rule is None:
            self.unmatched += end - begin
            return end
        while begin < end and not self.full:
            rows = self._rows.get(rule)
            if rows is None:
                rows = self._rows[rule] = _Rows(self._batch_sizes[rule])
            stop = min(end, begin + rows.room)
            self._paths += stop - begin
            self._count(rows.take(chunk, begin, stop))
            if not rows.room:
                self._whole.append(self._rows.pop(rule).batch(rule, self.base))
                # As long as what is at hand completes more, one entry, with its round trip, is for many batches.
                self.full |= self._paths >= _ENOUGH or len(chunk.names) - stop < self._smallest
            begin = stop
        return begin

    def _count(self, size: int) -> None:
        self._bytes += size
        self.full |= self._bytes > MOST_BYTES - _CHUNK_BYTES


def chunks(found: Listing) -> list[Listing]:
    """The listing in pieces that fit into an entry; their cursors stay those of the whole."""
    longest = len(found.folder) + max(map(len, found.names), default=0) + 1
    step = max(1, min(_CHUNK_PATHS, _CHUNK_BYTES // longest))
    if len(found.names) <= step:
        return [found]
    return [_piece(found, begin, begin + step) for begin in range(0, len(found.names), step)]


def _piece(found: Listing, begin: int, end: int) -> Listing:
    here = slice(begin, end)
    return Listing(
        found.names[here],
        found.kinds[here],
        lambda n: found.cursor(begin + n),
        found.folder,
        found.states[here],
        found.sizes[here],
        found.base,
    )
