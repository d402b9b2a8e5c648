"""Gathering what earlier jobs left into new batches: by rule, step and base, with the names and notes it had."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from orchestrator.contracts.parcel import RuleOrder
from orchestrator.contracts.paths import Carry, PathList, pack, pack_carry, path_list
from orchestrator.services.chains import Chain


@dataclass(slots=True)
class _Columns:
    """The paths of one batch to be."""

    base: bytes
    paths: list[bytes] = field(default_factory=list[bytes])
    kinds: list[str] = field(default_factory=list[str])
    states: list[str | None] = field(default_factory=list["str | None"])
    sizes: list[int | None] = field(default_factory=list["int | None"])
    stamps: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    moved_from: list[bytes | None] = field(default_factory=list["bytes | None"])
    carry: Carry = field(default_factory=lambda: Carry({}, {}))

    def add(self, batch: PathList, index: int, carry: Carry) -> None:
        place = len(self.paths)
        self.paths.append(batch.paths[index])
        self.kinds.append(batch.kinds[index] if batch.kinds else "?")
        self.states.append(batch.states[index] if batch.states else None)
        self.sizes.append(batch.sizes[index] if batch.sizes else None)
        if batch.stamps:
            self.stamps.append(batch.stamps[index])
            self.moved_from.append(batch.moved_from[index] if batch.moved_from else None)
        if index in carry.renamed:
            self.carry.renamed[place] = carry.renamed[index]
        if index in carry.notes:
            self.carry.notes[place] = carry.notes[index]

    def packed(self) -> bytes:
        columns = path_list(self.paths, "".join(self.kinds), self.states, self.sizes, self.base)
        columns.stamps, columns.moved_from = self.stamps, self.moved_from if any(self.moved_from) else []
        return pack(columns)


class Leftovers:
    """What one turn takes over for one job, by whose rules it is cut into batches."""

    def __init__(self, job: int, rules: Sequence[RuleOrder]) -> None:
        self._job = job
        self._sizes = [rule.batch_size for rule in rules]
        self._batches: dict[tuple[int, int, bytes], list[_Columns]] = {}

    def add(self, rule: int, step: int, batch: PathList, indices: Iterable[int], carry: Carry) -> None:
        """Take some paths of a batch, which are to go on from this step with the names and notes they had there."""
        batches = self._batches.setdefault((rule, step, batch.base), [])
        for index in indices:
            if not batches or len(batches[-1].paths) >= self._sizes[rule]:
                batches.append(_Columns(batch.base))
            batches[-1].add(batch, index, carry)

    def __bool__(self) -> bool:
        return bool(self._batches)

    def chains(self, subtree: int, sequence: int) -> Iterator[Chain]:
        """The chains that they make, numbered on from a walk's last number."""
        for (rule, step, _), batches in self._batches.items():
            for columns in batches:
                sequence += 1
                carry = pack_carry(columns.carry)
                yield Chain(self._job, rule, subtree, sequence, len(columns.paths), columns.packed(), step, carry)
