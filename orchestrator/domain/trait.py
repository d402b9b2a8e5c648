"""What is known of a path that failed, for finding what those that failed have in common."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

DEEPEST = 12
"""Folders of a path that are looked at, from the top."""
LONGEST_EXTENSION = 16
MOST_WINDOWS = 24


class Trait(StrEnum):
    """A kind of thing that paths may share."""

    SITE = "site"
    STEP = "step"
    WORKER = "worker"
    HOST = "host"
    EXTENSION = "extension"
    FOLDER = "folder"
    SIZE = "size"
    TIME = "time"


Having = tuple[Trait, str]
"""A trait and which one: ``(EXTENSION, ".tif")``. Folders are text that may have lone surrogates for odd bytes."""


def of_path(path: bytes) -> Iterator[Having]:
    """What its name says: the extension, and every folder that it is in."""
    folder, _, name = path.rpartition(b"/")
    stem, dot, extension = name.rpartition(b".")
    has_one = bool(stem and dot and extension) and len(extension) <= LONGEST_EXTENSION
    yield Trait.EXTENSION, f".{_text(extension).lower()}" if has_one else "none"
    if folder or path.startswith(b"/"):
        parts = folder.split(b"/")[: DEEPEST + 1]
        for depth in range(1, len(parts) + 1):
            yield Trait.FOLDER, _text(b"/".join(parts[:depth]) + b"/")


def _text(some: bytes) -> str:
    return some.decode(errors="surrogateescape")


_SIZES: Sequence[tuple[int, str]] = (
    (0, "0"),
    (4 << 10, "4 KiB"),
    (64 << 10, "64 KiB"),
    (1 << 20, "1 MiB"),
    (16 << 20, "16 MiB"),
    (256 << 20, "256 MiB"),
    (4 << 30, "4 GiB"),
    (64 << 30, "64 GiB"),
)


def of_size(size: int) -> Having:
    """The range that it is in."""
    if size == 0:
        return Trait.SIZE, "empty"
    for (_, low), (most, high) in pairwise(_SIZES):
        if size <= most:
            return Trait.SIZE, f"{low} to {high}"
    return Trait.SIZE, f"more than {_SIZES[-1][1]}"


def of_worker(worker: str) -> Iterator[Having]:
    """The worker (``london.worker@host``) and the host that it is on."""
    yield Trait.WORKER, worker
    _, at, host = worker.rpartition("@")
    if at:
        yield Trait.HOST, host


_WIDTHS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)


class Windows:
    """A job's time in windows of one width, at most about MOST_WINDOWS."""

    def __init__(self, start: datetime, end: datetime) -> None:
        seconds = max((end - start).total_seconds(), 0.0)
        self.width_s = next((width for width in _WIDTHS if seconds / width <= MOST_WINDOWS), _WIDTHS[-1])

    def of(self, at: datetime) -> Having:
        """The window that this moment is in: ``2026-01-31T22:00:00Z/2026-01-31T22:05:00Z``."""
        begin = datetime.fromtimestamp(at.timestamp() // self.width_s * self.width_s, UTC)
        end = begin + timedelta(seconds=self.width_s)
        return Trait.TIME, "/".join(one.isoformat().replace("+00:00", "Z") for one in (begin, end))
