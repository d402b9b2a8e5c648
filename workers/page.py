"""What a child is busy with, in memory that it shares with its parent: when the child dies, the parent can tell.

The child alone writes, the parent alone reads: no lock is needed between them, and what is read of a child that lives
is only a hint. A task stands here from before it is claimed until the hub has been told of its end.
"""

import mmap
import struct
import threading
import time
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.parcel import Parcel
from orchestrator.contracts.report import Item, Started
from workers.reporter import Onward, Reporter


class Doing(IntEnum):
    """How far a child has come with a task."""

    NOTHING = 0
    CLAIMING = 1
    CLAIMED = 2
    RUNNING = 3
    SAID = 4
    """It has ended or is handed back, and the hub may not have heard that yet."""


class Entry(NamedTuple):
    """One task on a page."""

    task: int
    attempt: int
    doing: Doing
    begun: float
    """When it began, by the host's monotonic clock; 0 = not at all."""


class Work(NamedTuple):
    """The parcel that a child is at."""

    message: str
    """Its id."""
    job: int
    epoch: int
    limit: float
    """Seconds after which a task is killed with its process; 0 = never."""
    place: int
    """Of the task that runs; -1 = none does."""


_WORK, _ENTRY, _DOING = struct.Struct("=qqdi64s"), struct.Struct("=iqid"), struct.Struct("=i")
_PLACE, _PLACE_AT = struct.Struct("=i"), struct.calcsize("=qqd")
"""Of the task that runs: the one part of the work that changes from task to task."""
_FIRST = 128
_BYTES = 64 * 1024
PLACES = (_BYTES - _FIRST) // _ENTRY.size
"""Far more than one parcel has; should a page be full, what is not on it is left to its lease."""


class Noted(Onward):
    """Writes on a page what is said, before it is said. Of what a task says of itself nothing has to be known."""

    def __init__(self, page: "Page", reporter: Reporter) -> None:
        super().__init__(reporter)
        self._page = page

    def send(self, item: Item) -> None:
        """Note an item and pass it on."""
        self._page.saying(item)
        super().send(item)


class Page:
    """One child's page. Made by the parent before it forks."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _BYTES)
        self._lock = threading.Lock()
        """Between the threads of the child."""
        self._places: dict[tuple[int, int], int] = {}
        self._free = list(range(PLACES - 1, -1, -1))
        self._write(Work("", 0, 0, 0.0, -1))

    # The child's side.

    def claiming(self, parcel: Parcel, limit: float) -> None:
        """The tasks of a parcel are about to be claimed."""
        with self._lock:
            self._write(Work(parcel.id, parcel.job, parcel.epoch, limit, -1))
            for task in ((order.task, order.attempt) for order in parcel.tasks):
                if task not in self._places and self._free:
                    self._places[task] = place = self._free.pop()
                    _ENTRY.pack_into(self._memory, _at(place), Doing.NOTHING, *task, 0.0)
                    self._mark(place, Doing.CLAIMING)

    def claimed(self, *, won: bool) -> None:
        """Those that were about to be claimed were won, or are somebody else's."""
        with self._lock:
            for task, place in list(self._places.items()):
                if self._entry(place).doing is Doing.CLAIMING:
                    if won:
                        self._mark(place, Doing.CLAIMED)
                    else:
                        self._forget(task)

    def saying(self, item: Item) -> None:
        """The hub is about to be told this."""
        with self._lock:
            task = (item.task, item.attempt)
            if (place := self._places.get(task)) is None:
                return
            if isinstance(item, Started):
                _ENTRY.pack_into(self._memory, _at(place), Doing.RUNNING, *task, time.monotonic())
                _PLACE.pack_into(self._memory, _PLACE_AT, place)
            else:
                if self._running_at == place:
                    _PLACE.pack_into(self._memory, _PLACE_AT, -1)
                self._mark(place, Doing.SAID)

    def heard(self, items: Sequence[Item]) -> None:
        """The hub has been told these."""
        with self._lock:
            for item in items:
                if not isinstance(item, Started):
                    failpoint("worker.reported")
                    self._forget((item.task, item.attempt))

    # The parent's side.

    @property
    def work(self) -> Work:
        """The parcel that the child is at, or was at last."""
        job, epoch, limit, place, message = _WORK.unpack_from(self._memory)
        return Work(message.rstrip(b"\0").decode(), job, epoch, limit, place)

    @property
    def running(self) -> Entry | None:
        """The task that runs."""
        place = self._running_at
        entry = self._entry(place) if place >= 0 else None
        return entry if entry and entry.doing is Doing.RUNNING else None

    def entries(self) -> list[Entry]:
        """All tasks on the page."""
        return [entry for place in range(PLACES) if (entry := self._entry(place)).doing is not Doing.NOTHING]

    @property
    def _running_at(self) -> int:
        return _PLACE.unpack_from(self._memory, _PLACE_AT)[0]

    def _entry(self, place: int) -> Entry:
        doing, task, attempt, begun = _ENTRY.unpack_from(self._memory, _at(place))
        return Entry(task, attempt, Doing(doing), begun)

    def _mark(self, place: int, doing: Doing) -> None:
        _DOING.pack_into(self._memory, _at(place), doing)

    def _forget(self, task: tuple[int, int]) -> None:
        if (place := self._places.pop(task, None)) is not None:
            self._mark(place, Doing.NOTHING)
            self._free.append(place)

    def _write(self, work: Work) -> None:
        message, *numbers = work
        _WORK.pack_into(self._memory, 0, *numbers, message.encode())


def _at(place: int) -> int:
    return _FIRST + place * _ENTRY.size
