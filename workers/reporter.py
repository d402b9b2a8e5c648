"""Telling the hub what the tasks of this process do: collected, sealed, and sent within a tenth of a second.

While Redis is away the items are kept, up to a bound; beyond it whoever has more to tell waits. Nothing is dropped.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from redis import Redis, RedisError

from orchestrator.contracts.names import reports_stream
from orchestrator.contracts.report import Ended, Item, LogLine, Reports, Said, Started, TaskProgress
from orchestrator.contracts.seal import seal

log = logging.getLogger(__name__)

_LINGER_SECONDS = 0.05
_APART_SECONDS = 0.02
"""What is hurried is sent at once, unless something was sent so short a time ago."""
_ENTRY_ITEMS = 500
_ENTRY_BYTES = 256 * 1024
_KEPT_BYTES = 64 * 1024 * 1024
_PLAIN_BYTES = 64
"""What an item that says little takes at most."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


class Reporter(Protocol):
    """Where the runner leaves what it has to say."""

    def send(self, item: Item) -> None:
        """Take an item, and see to it that the hub hears it."""
        ...

    def tell(self, said: Said) -> None:
        """Take what a task says of itself: a line of its log, or how far it is."""
        ...

    def hurry(self) -> None:
        """There is nothing more to come for now: whoever waits for it should not wait for others."""
        ...


class Onward:
    """Passes on what is said; for those who look at it on its way."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def send(self, item: Item) -> None:
        """Pass an item on."""
        self._reporter.send(item)

    def tell(self, said: Said) -> None:
        """Pass on what a task says of itself."""
        self._reporter.tell(said)

    def hurry(self) -> None:
        """Pass it on."""
        self._reporter.hurry()


def ignore(_items: Sequence[Item]) -> None:
    """For whoever need not know what has been sent."""


class StreamReporter:
    """Sends to the site's stream of reports, from a thread of its own that begins with the first item.

    ``heard`` is told of the items that have been sent.
    """

    def __init__(
        self,
        connect: Callable[[], Redis],
        site: str,
        node: str,
        key: bytes,
        *,
        kept_bytes: int = _KEPT_BYTES,
        heard: Callable[[Sequence[Item]], None] = ignore,
    ) -> None:
        self._connect, self._site, self._node, self._key, self._kept_bytes = connect, site, node, key, kept_bytes
        self._heard = heard
        self._items: deque[tuple[Item | Said, int]] = deque()
        self._bytes = 0
        self._under_way = 0
        """So many of the items are being sent."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._flushing = 0
        self._hurried = False
        self._sent_at = 0.0

    def send(self, item: Item) -> None:
        """Take an item; waits while too much is kept already."""
        self._take(item)

    def tell(self, said: Said) -> None:
        """Take it too, to be sent in the same order."""
        self._take(said)

    def _take(self, item: Item | Said) -> None:
        size = _size(item)
        with self._changed:
            if isinstance(item, Ended):
                self._replace_start(item)
            # One item is always taken, however large.
            self._changed.wait_for(lambda: not self._items or self._bytes + size <= self._kept_bytes)
            self._items.append((item, size))
            self._bytes += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
                self._thread.start()
            # Waking the thread for each item would cost more than the item.
            if len(self._items) == 1 or self._worth_sending():
                self._changed.notify_all()

    def _replace_start(self, end: Ended) -> None:
        """Its end says that it began: who has not been told of that yet need not be."""
        if len(self._items) > self._under_way:
            last, size = self._items[-1]
            if isinstance(last, Started) and (last.task, last.attempt) == (end.task, end.attempt):
                self._items.pop()
                self._bytes -= size

    def hurry(self) -> None:
        """Send what there is, if nothing was sent a moment ago."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Send what there is without lingering; whether all of it went within the time."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._items, seconds)
            finally:
                self._flushing -= 1

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            entry = self._next_entry()
            try:
                self._connect().xadd(reports_stream(self._site), {"d": self._sealed(entry)})
            except RedisError as error:
                if pause == _FIRST_PAUSE:
                    log.warning("reports wait: the broker does not answer (%s)", type(error).__name__)
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                pause = _FIRST_PAUSE
                self._sent(entry)

    def _next_entry(self) -> list[tuple[Item | Said, int]]:
        """The items of the next entry, once there are some; they stay kept until they are sent."""
        with self._changed:
            self._changed.wait_for(lambda: self._items)
            self._changed.wait_for(lambda: self._hurried or self._worth_sending(), _LINGER_SECONDS)
            if self._hurried:
                self._changed.wait_for(self._worth_sending, self._sent_at + _APART_SECONDS - time.monotonic())
            self._hurried = False
            entry: list[tuple[Item | Said, int]] = []
            size = 0
            for item in self._items:
                if entry and (len(entry) == _ENTRY_ITEMS or size + item[1] > _ENTRY_BYTES):
                    break
                entry.append(item)
                size += item[1]
            self._under_way = len(entry)
            return entry

    def _worth_sending(self) -> bool:
        return bool(self._flushing) or len(self._items) >= _ENTRY_ITEMS or self._bytes >= _ENTRY_BYTES

    def _sent(self, entry: list[tuple[Item | Said, int]]) -> None:
        self._sent_at = time.monotonic()
        self._heard(_items(entry))
        with self._changed:
            for _ in entry:
                self._bytes -= self._items.popleft()[1]
            self._under_way = 0
            self._changed.notify_all()

    def _sealed(self, entry: list[tuple[Item | Said, int]]) -> bytes:
        reports = Reports(site=self._site, node=self._node, items=_items(entry))
        if len(reports.items) < len(entry):
            reports.log = [said for said, _ in entry if isinstance(said, LogLine)]
            reports.progress = [said for said, _ in entry if isinstance(said, TaskProgress)]
        return seal(self._key, reports)


def _items(entry: list[tuple[Item | Said, int]]) -> list[Item]:
    return [item for item, _ in entry if not isinstance(item, (LogLine, TaskProgress))]


def _size(item: Item | Said) -> int:
    """How many bytes it takes, about: to know exactly, it would have to be encoded twice."""
    if isinstance(item, Started) or (
        isinstance(item, Ended) and not item.problems and item.passed is item.carry is item.error is None
    ):
        return _PLAIN_BYTES
    return len(msgspec.msgpack.encode(item))
