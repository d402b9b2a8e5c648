"""Live news of jobs: one look at the database a tick for all who listen, whoever and however many they are.

A job that moves on is looked at at once: who waits for its end need not wait for a tick.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from orchestrator.contracts.views import Snapshot
from orchestrator.domain.kinds import ENDS

log = logging.getLogger(__name__)

TICK_S = 0.3
"""Not more than about four events a second."""
QUIET_S = 10.0
"""A listener hears at least a comment so often, so that a connection that is gone is noticed at both ends."""

LINGER_S = 30.0
"""So long it stays ready after the last listener, so that the next one need not wait for that."""

Look = Callable[[Sequence[int]], Awaitable[Mapping[int, Snapshot]]]
Ring = Callable[[int], None]
Moves = Callable[[Ring], Coroutine[Any, Any, None]]
"""Rings for each job that moves on, until it is cancelled (moves.py)."""


class Feed:
    """Who listens to which job. ``look`` reads the present snapshots of some jobs, without blocking the loop.

    Without ``moves`` all that happens is seen at the next tick.
    """

    def __init__(
        self, look: Look, moves: Moves | None = None, *, tick_s: float = TICK_S, quiet_s: float = QUIET_S
    ) -> None:
        self._look, self._moves, self._tick_s, self._quiet_s = look, moves, tick_s, quiet_s
        self._listeners: defaultdict[int, set[_Listener]] = defaultdict(set)
        self._loop: asyncio.Task[None] | None = None
        self._rung: set[int] = set()
        self._bell = asyncio.Event()

    @property
    def listeners(self) -> int:
        """How many there are."""
        return sum(map(len, self._listeners.values()))

    async def listen(self, job_id: int) -> AsyncGenerator[Snapshot | None, None]:
        """The job now and after each change, to its end; None when there was nothing to tell for a while."""
        with self._listening(job_id) as listener:
            while True:
                try:
                    news = await asyncio.wait_for(listener.next(), self._quiet_s)
                except TimeoutError:
                    yield None
                    continue
                if news is None:
                    return
                yield news
                if news.state in ENDS:
                    return

    @contextmanager
    def _listening(self, job_id: int) -> Generator["_Listener"]:
        listener = _Listener()
        self._listeners[job_id].add(listener)
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._run())
        self._ring(job_id)
        try:
            yield listener
        finally:
            self._listeners[job_id].discard(listener)
            if not self._listeners[job_id]:
                del self._listeners[job_id]

    def _ring(self, job_id: int) -> None:
        """Something has happened to this job."""
        if job_id in self._listeners:
            self._rung.add(job_id)
            self._bell.set()

    async def _run(self) -> None:
        """Look and tell, as long as anyone listens and a while longer."""
        time = asyncio.get_running_loop().time
        moves = asyncio.create_task(self._moves(self._ring)) if self._moves else None
        tick_at = 0.0
        try:
            while await self._called(tick_at - time()):
                jobs, self._rung = self._rung, set()
                self._bell.clear()
                if time() >= tick_at:
                    jobs, tick_at = {*self._listeners}, time() + self._tick_s
                if jobs:
                    await self._tell(sorted(jobs))
        finally:
            if moves:
                moves.cancel()

    async def _called(self, tick_s: float) -> bool:
        """Wait until a job has been rung for or it is time for a tick; False when nobody has listened for long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._bell.wait(), max(0.0, tick_s) if self._listeners else LINGER_S)
        return bool(self._listeners)

    async def _tell(self, jobs: Sequence[int]) -> None:
        try:
            found = await self._look(jobs)
        except Exception:  # whatever it is: those who listen go on listening
            log.warning("the jobs that are listened to could not be read", exc_info=True)
        else:
            for job_id in jobs:
                for listener in self._listeners.get(job_id, ()):
                    listener.tell(found.get(job_id))


class _Listener:
    """Holds the newest news only: who reads slowly misses what is old, and nothing piles up."""

    def __init__(self) -> None:
        self._told: Snapshot | None = None
        self._news: Snapshot | None = None
        self._rang = asyncio.Event()

    def tell(self, news: Snapshot | None) -> None:
        if news is None or _differ(news, self._told):
            self._news = news
            self._rang.set()

    async def next(self) -> Snapshot | None:
        """The newest that was not told yet; None when the job is gone."""
        await self._rang.wait()
        self._rang.clear()
        self._told = self._news
        return self._news


def _differ(news: Snapshot, told: Snapshot | None) -> bool:
    """Rate and time left change by themselves: that alone is no news."""
    if told is None:
        return True
    moving = {"rate_per_s", "eta"}
    return news.model_dump(exclude={"progress": moving}) != told.model_dump(exclude={"progress": moving})
