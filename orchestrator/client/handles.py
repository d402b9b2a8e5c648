"""A job that was started: to be waited for, watched and controlled."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.client.errors import JobNotSuccessful
from orchestrator.client.events import PATIENCE_S
from orchestrator.contracts.views import Job, Snapshot
from orchestrator.domain.batch_job import JobState

if TYPE_CHECKING:
    from orchestrator.client import AsyncClient, Client

Progress = Callable[[Snapshot], object]
"""Called with the job as it is now, and whenever it has changed."""


def ended(job: Job, *, check: bool) -> Job:
    """The job as it ended; with ``check`` JobNotSuccessful when that is not well."""
    if check and job.state not in (JobState.SUCCESS, "Complete"):
        raise JobNotSuccessful(job)
    return job


@dataclass(slots=True)
class JobHandle:
    """A job and the client that started it; ``job`` is the job as it was when it was last asked for."""

    client: "Client"
    job: Job

    @property
    def id(self) -> int:
        """The job's."""
        return self.job.id

    def refresh(self) -> Job:
        """The job as it is now."""
        self.job = self.client.job(self.id)
        return self.job

    def events(self, *, after: int | None = None) -> Iterator[Snapshot]:
        """Its live events, to its end."""
        return self.client.events(self.id, after=after)

    def wait(
        self,
        *,
        progress: Progress | None = None,
        timeout_s: float | None = None,
        patience_s: float = PATIENCE_S,
        check: bool = False,
    ) -> Job:
        """The job as it ended, as ``Client.wait`` has it."""
        self.job = self.client.wait(self.id, progress=progress, timeout_s=timeout_s, patience_s=patience_s)
        return ended(self.job, check=check)

    def pause(self, reason: str | None = None) -> Job:
        """Hand out nothing more of it; what runs is finished."""
        self.job = self.client.pause(self.id, reason)
        return self.job

    def resume(self, reason: str | None = None) -> Job:
        """Let it go on."""
        self.job = self.client.resume(self.id, reason)
        return self.job

    def cancel(self, reason: str | None = None, *, force: bool = False) -> Job:
        """Take it out of the queues and stop what runs, with ``force`` at once."""
        self.job = self.client.cancel(self.id, reason, force=force)
        return self.job


@dataclass(slots=True)
class AsyncJobHandle:
    """The same, to be awaited."""

    client: "AsyncClient"
    job: Job

    @property
    def id(self) -> int:
        """The job's."""
        return self.job.id

    async def refresh(self) -> Job:
        """The job as it is now."""
        self.job = await self.client.job(self.id)
        return self.job

    def events(self, *, after: int | None = None) -> AsyncIterator[Snapshot]:
        """Its live events, to its end."""
        return self.client.events(self.id, after=after)

    async def wait(
        self,
        *,
        progress: Progress | None = None,
        timeout_s: float | None = None,
        patience_s: float = PATIENCE_S,
        check: bool = False,
    ) -> Job:
        """The job as it ended, as ``JobHandle.wait`` has it."""
        self.job = await self.client.wait(self.id, progress=progress, timeout_s=timeout_s, patience_s=patience_s)
        return ended(self.job, check=check)

    async def pause(self, reason: str | None = None) -> Job:
        """Hand out nothing more of it; what runs is finished."""
        self.job = await self.client.pause(self.id, reason)
        return self.job

    async def resume(self, reason: str | None = None) -> Job:
        """Let it go on."""
        self.job = await self.client.resume(self.id, reason)
        return self.job

    async def cancel(self, reason: str | None = None, *, force: bool = False) -> Job:
        """Take it out of the queues and stop what runs, with ``force`` at once."""
        self.job = await self.client.cancel(self.id, reason, force=force)
        return self.job
