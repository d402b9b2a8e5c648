"""Live news of jobs: one look at the database a tick for all who listen, whoever and however many they are.

A job that moves on is looked at at once: who waits for its end need not wait for a tick. What is told is written once
for all who listen to the job.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from orchestrator.api.event_stream import comment, event
from orchestrator.api.listener import QUIET_S, Listener, Listeners
from orchestrator.contracts.views import Snapshot
from orchestrator.domain.kinds import ENDS

log = logging.getLogger(__name__)

TICK_S = 0.3
"""Not more than about four events a second."""
LINGER_S = 30.0
"""So long it stays ready after the last listener, so that the next one need not wait for that."""

Look = Callable[[Mapping[int, int | None]], Awaitable[Mapping[int, list[Snapshot]]]]
"""Job and the seq after which its moves are wanted (None: none) -> these moves, and as the last one how it is now."""
Ring = Callable[[int], None]
Moves = Callable[[Ring], Coroutine[Any, Any, None]]
"""Rings for each job that moves on, until it is cancelled (moves.py)."""


@dataclass(slots=True, eq=False)
class _Job:
    """A job that somebody listens to."""

    listeners: set[Listener] = field(default_factory=set[Listener])
    new: dict[Listener, int | None] = field(default_factory=dict[Listener, "int | None"])
    """Those that have been told nothing yet, with the last seq that they have heard elsewhere."""
    told: Snapshot | None = None

    def since(self) -> int | None:
        """After which seq somebody wants to know each move."""
        known = [seq for seq in self.new.values() if seq is not None]
        return min([*known, self.told.seq] if self.told else known, default=None)


class Feed:
    """Who listens to which job. ``look`` reads the present state of some jobs, without blocking the loop.

    Without ``moves`` all that happens is seen at the next tick.
    """

    def __init__(
        self,
        look: Look,
        moves: Moves | None = None,
        listeners: Listeners | None = None,
        *,
        tick_s: float = TICK_S,
        quiet_s: float = QUIET_S,
    ) -> None:
        self._look, self._moves, self._tick_s, self._quiet_s = look, moves, tick_s, quiet_s
        self._all = Listeners() if listeners is None else listeners
        self._jobs: dict[int, _Job] = {}
        self._loop: asyncio.Task[None] | None = None
        self._rung: set[int] = set()
        self._bell = asyncio.Event()

    async def listen(self, job_id: int, after: int | None = None) -> AsyncGenerator[str]:
        """The job now and after each change, to its end; with ``after`` every move since that seq first."""
        with self._listening(job_id, after) as listener:
            async for text in listener.heard(self._quiet_s):
                yield text or comment("nothing new")

    @contextmanager
    def _listening(self, job_id: int, after: int | None) -> Generator[Listener]:
        with self._all.one() as listener:
            job = self._jobs.setdefault(job_id, _Job())
            job.new[listener] = after
            if self._loop is None or self._loop.done():
                self._loop = asyncio.create_task(self._run())
            self._ring(job_id)
            try:
                yield listener
            finally:
                job.new.pop(listener, None)
                job.listeners.discard(listener)
                if not job.new and not job.listeners and self._jobs.get(job_id) is job:
                    del self._jobs[job_id]

    def _ring(self, job_id: int) -> None:
        """Something has happened to this job."""
        if job_id in self._jobs:
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
                    jobs, tick_at = {*self._jobs}, time() + self._tick_s
                if jobs:
                    await self._tell({job_id: self._jobs[job_id] for job_id in sorted(jobs) if job_id in self._jobs})
        finally:
            if moves:
                moves.cancel()

    async def _called(self, tick_s: float) -> bool:
        """Wait until a job has been rung for or it is time for a tick; False when nobody has listened for long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._bell.wait(), max(0.0, tick_s) if self._jobs else LINGER_S)
        return bool(self._jobs)

    async def _tell(self, jobs: Mapping[int, _Job]) -> None:
        # Who comes while it is looked is told by the next look.
        new = {job_id: dict(job.new) for job_id, job in jobs.items()}
        try:
            found = await self._look({job_id: job.since() for job_id, job in jobs.items()})
        except Exception:  # whatever it is: those who listen go on listening
            log.warning("the jobs that are listened to could not be read", exc_info=True)
            return
        for job_id, job in jobs.items():
            _tell_one(job, new[job_id], found.get(job_id, []))


def _tell_one(job: _Job, new: Mapping[Listener, int | None], news: Sequence[Snapshot]) -> None:
    """Tell what is news to each: who comes is told how it is now, who was there what has changed."""
    texts = [(one.seq, event(one.model_dump_json(), one.seq)) for one in news]
    if news and job.told is not None and _differ(news[-1], job.told):
        for listener in job.listeners:
            _pass_on(listener, texts, job.told.seq)
    for listener in new.keys() & job.new.keys():
        del job.new[listener]
        job.listeners.add(listener)
        _pass_on(listener, texts, new[listener])
    if news:
        job.told = news[-1]
    if not news or news[-1].state in ENDS:
        for listener in job.listeners:
            listener.end()


def _pass_on(listener: Listener, texts: Sequence[tuple[int, str]], after: int | None) -> None:
    """The moves that it has not heard of, and how it is now."""
    for seq, text in texts[:-1]:
        if after is not None and seq > after:
            listener.tell(text)
    for seq, text in texts[-1:]:
        listener.tell(text, instead_of=seq)


def _differ(news: Snapshot, told: Snapshot) -> bool:
    """Rate and time left change by themselves: that alone is no news."""
    moving = {"rate_per_s", "eta"}
    return news.model_dump(exclude={"progress": moving}) != told.model_dump(exclude={"progress": moving})
