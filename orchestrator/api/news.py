"""Live news of all jobs: what happens to them, read once a tick for all who listen.

A listener comes back with a mark: which transactions had been read, as PostgreSQL tells it (a snapshot). What none of
those had written is news to it, so nothing is missed and nothing told twice, in whatever order they were committed.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator.api.event_stream import comment, event
from orchestrator.api.feed import TICK_S
from orchestrator.api.listener import QUIET_S, Listener, Listeners
from orchestrator.contracts.views import Happened

log = logging.getLogger(__name__)


class Read(NamedTuple):
    """What was read at one moment."""

    mark: str
    """Of that moment."""
    since: Mapping[str, Sequence[Happened] | None]
    """What has happened since each mark; None: too much, or nobody knows any more."""


Look = Callable[[Collection[str]], Awaitable[Read]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a listener wants to hear of: what matches one value of every filter that has any."""

    site: frozenset[str] = frozenset()
    workflow: frozenset[str] = frozenset()
    kind: frozenset[str] = frozenset()
    owner: frozenset[str] = frozenset()
    event: frozenset[str] = frozenset()

    def takes(self, one: Happened) -> bool:
        """Whether it is to be told."""
        return (
            (not self.kind or one.kind in self.kind)
            and (not self.site or one.site in self.site)
            and (not self.workflow or one.workflow in self.workflow)
            and (not self.owner or one.owner in self.owner)
            and (not self.event or one.event in self.event)
        )


class News:
    """Who listens to everything. ``look`` reads what has happened since some marks, without blocking the loop."""

    def __init__(
        self, look: Look, listeners: Listeners | None = None, *, tick_s: float = TICK_S, quiet_s: float = QUIET_S
    ) -> None:
        self._look, self._tick_s, self._quiet_s = look, tick_s, quiet_s
        self._all = Listeners() if listeners is None else listeners
        self._wanted: dict[Listener, Wanted] = {}
        self._new: dict[Listener, tuple[Wanted, str | None]] = {}
        self._mark: str | None = None
        self._loop: asyncio.Task[None] | None = None
        self._bell = asyncio.Event()

    async def listen(self, wanted: Wanted, after: str | None = None) -> AsyncGenerator[str]:
        """What happens from now on, or since the mark ``after``."""
        with self._all.one() as listener:
            self._new[listener] = wanted, after
            if self._loop is None or self._loop.done():
                self._loop = asyncio.create_task(self._run())
            self._bell.set()
            try:
                async for text in listener.heard(self._quiet_s):
                    yield text or comment("nothing new", self._mark)
            finally:
                self._new.pop(listener, None)
                self._wanted.pop(listener, None)

    async def _run(self) -> None:
        """Look and tell, as long as anyone listens."""
        self._mark = None
        while self._wanted or self._new:
            self._bell.clear()
            try:
                await self._tell()
            except Exception:  # whatever it is: those who listen go on listening
                log.warning("what happens to jobs could not be read", exc_info=True)
            # Who comes is told at once where it is: without a mark it could not come back.
            try:
                async with asyncio.timeout(self._tick_s):
                    await self._bell.wait()
            except TimeoutError:
                continue

    async def _tell(self) -> None:
        new = dict(self._new)
        marks = {mark for _, mark in new.values() if mark is not None}
        read = await self._look(marks if self._mark is None else marks | {self._mark})
        # Written once, for all who are told.
        since = {mark: _written(happened) for mark, happened in read.since.items()}
        if self._mark is not None:
            for listener, wanted in self._wanted.items():
                _pass_on(listener, wanted, since[self._mark], read.mark)
        self._mark = read.mark
        for listener in new.keys() & self._new.keys():
            wanted, after = self._new.pop(listener)
            self._wanted[listener] = wanted
            if after is None:
                listener.tell(comment("listening", read.mark))
            else:
                _pass_on(listener, wanted, since[after], read.mark)


def _written(happened: Sequence[Happened] | None) -> list[tuple[Happened, str]] | None:
    return None if happened is None else [(one, one.model_dump_json()) for one in happened]


def _pass_on(listener: Listener, wanted: Wanted, happened: list[tuple[Happened, str]] | None, mark: str) -> None:
    if happened is None:
        listener.tell(event("{}", mark, "reset"))
        return
    taken = [data for one, data in happened if wanted.takes(one)]
    # Only the last says how far it is: who hears a part of them hears them again.
    for data in taken[:-1]:
        listener.tell(event(data))
    for data in taken[-1:]:
        listener.tell(event(data, mark))
