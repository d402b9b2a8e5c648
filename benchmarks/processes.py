"""Which processes belong to which part of a stack, and what time they have had of the processor."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def parts(roots: Mapping[str, int]) -> Iterator[tuple[int, str]]:
    """Every process that is a root or comes from one, with the part of the nearest."""
    parents = dict(_parents())
    names = {pid: part for part, pid in roots.items()}
    for pid in parents:
        nearest = pid
        while nearest and nearest not in names:
            nearest = parents.get(nearest, 0)
        if nearest:
            yield pid, names[nearest]


def _parents() -> Iterator[tuple[int, int]]:
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                status = (process / "stat").read_bytes()
            except OSError:
                continue
            yield int(process.name), int(status.rpartition(b")")[2].split()[1])


def cpu_by_part(roots: Mapping[str, int]) -> dict[str, float]:
    """Seconds of processor that every part has had up to now, with those of children that it has waited for."""
    found: Counter[str] = Counter()
    for pid, part in parts(roots):
        try:
            status = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            continue  # it has just ended
        found[part] += sum(map(int, status.rpartition(b")")[2].split()[11:15]))
    return {part: ticks / _TICKS for part, ticks in found.items()}
