"""How much memory a stack takes: its proportional share (PSS), by part, and the most that was ever seen."""

import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import parts

_LOOK_S = 1.0
"""A look costs some milliseconds of the processor that is being measured."""
_KIB = 1024


def by_part(roots: Mapping[str, int]) -> dict[str, float]:
    """MiB of PSS of every part now, its children counted with it.

    PSS shares what several processes have in common evenly between them, so that a sum counts it once.
    """
    found: Counter[str] = Counter()
    for pid, part in parts(roots):
        try:
            found[part] += _pss_kib(pid)
        except (OSError, ValueError):
            continue  # it has just ended
    return {part: round(kib / _KIB, 1) for part, kib in found.items()}


@contextmanager
def peak(roots: Callable[[], Mapping[str, int]]) -> Generator[Mapping[str, float]]:
    """The most of every part while this is open (MiB), looked at once a second; under ``all`` the greatest sum.

    ``roots`` has the process of each part now.
    """
    most: dict[str, float] = {}
    done = threading.Event()

    def look() -> None:
        while True:
            now = by_part(roots())
            now["all"] = round(sum(now.values()), 1)
            for part, size in now.items():
                most[part] = max(size, most.get(part, 0.0))
            if done.wait(_LOOK_S):
                return

    thread = threading.Thread(target=look, name="memory", daemon=True)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


def _pss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise ValueError(f"process {pid} has no PSS")
