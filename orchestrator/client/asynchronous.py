"""Asking and waiting while others go on: what the asynchronous client is made of."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import httpx

from orchestrator.client.ask import (
    CONNECT_S,
    RETRIES,
    TIMEOUT_S,
    Ask,
    Flow,
    checked,
    get,
    next_page,
    not_answered,
    patient,
    pause_s,
)  # fmt: skip
from orchestrator.client.errors import Busy, Document, silent
from orchestrator.client.events import PATIENCE_S, AllListening, Heard, Listening, Reset, heard, of_job, wanted
from orchestrator.client.handles import AsyncJobHandle, Progress, ended
from orchestrator.client.synchronous import is_local
from orchestrator.client.trust import trusted
from orchestrator.contracts.views import Job, Page, Snapshot
from orchestrator.errors import Unreachable

if TYPE_CHECKING:
    from orchestrator.client import AsyncClient

T = TypeVar("T")


class Asynchronous:
    """One service and one key; an asynchronous context manager that closes its connections."""

    def __init__(self, url: str, key: str, *, timeout_s: float = TIMEOUT_S, retries: int = RETRIES) -> None:
        self.url, self._key, self._retries = url.rstrip("/"), key, retries
        try:
            self.http = httpx.AsyncClient(
                base_url=f"{self.url}/api/v1",
                headers={"Authorization": f"Bearer {key}"},
                timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
                trust_env=not is_local(self.url),
                verify=trusted(self.url),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise Unreachable(f"{self.url!r} with this key can not be used: {error}") from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self.http.aclose()

    async def answer(self, ask: Ask[Any]) -> httpx.Response:
        """The answer to a request, asked again where that is safe; ApiRefused, or Unreachable."""
        if ask.named is not None:
            return await self.answer(ask.found(await self.answer(ask.named.ask)))
        tried = 0
        while True:
            answer, silence = None, None
            try:
                answer = await self.http.request(**ask.wire())
            except httpx.TransportError as error:
                silence = error
            except (httpx.InvalidURL, UnicodeEncodeError) as error:
                raise not_answered(self.url, error) from None
            if (pause := pause_s(ask, tried, self._retries, answer)) is None:
                break
            await asyncio.sleep(pause)
            tried += 1
        if answer is None:
            assert silence is not None  # noqa: S101 - one of the two there is
            raise silent(self.url, silence) from silence
        if answer.status_code == 404 and ask.otherwise is not None:
            return await self.answer(ask.otherwise)
        return checked(answer, self.url)

    async def listen(self, listening: Listening) -> AsyncIterator[Document]:
        """The events of a stream, wherever it breaks."""
        while not listening.over:
            try:
                if listening.streams:
                    async for event in self._stream(listening):
                        yield event
            except httpx.TransportError as error:
                listening.away(error)
            if (ask := listening.instead()) is not None and (event := await self._asked(listening, ask)) is not None:
                yield event
            if not listening.over:
                await asyncio.sleep(listening.pause_s())

    async def _stream(self, listening: Listening) -> AsyncIterator[Document]:
        async with self.http.stream(**listening.begin()) as answer:
            if not listening.opens(answer):
                await answer.aread()
                listening.refused(answer)
                return
            async for line in answer.aiter_lines():
                if (event := listening.take(line)) is not None:
                    yield event
                if listening.over:
                    return

    async def _asked(self, listening: Listening, ask: Ask[Any]) -> Document | None:
        try:
            answer = await self.answer(ask)
        except (Unreachable, Busy) as error:
            return listening.away(error)
        return listening.asked(answer)

    async def perform(self, ask: Ask[T]) -> T:
        """The answer to a request."""
        return ask.read(await self.answer(ask))

    async def follow_through(self, flow: Flow[T]) -> T:
        """What comes of several requests."""
        ask = flow.begin()
        while ask is not None:
            ask = flow.go_on(ask.plain(await self.answer(ask)))
        return flow.read()

    async def each(self, asks: Iterable[Ask[list[T]]]) -> AsyncIterator[T]:
        """What each of several requests is answered with, as they are sent."""
        for ask in asks:
            for one in await self.perform(ask):
                yield one

    async def items(self, ask: Ask[Page[T]]) -> AsyncIterator[T]:
        """Every item of a list."""
        left, cursor = cast("int | None", ask.params.get("limit")), None
        while left is None or left > 0:
            page = await self.perform(next_page(ask, cursor, left))
            for item in page.items[:left]:
                yield item
            left, cursor = None if left is None else left - len(page.items), page.next_cursor
            if cursor is None:
                return

    async def start(self, ask: Ask[Job]) -> AsyncJobHandle:
        """The job that a request starts."""
        return AsyncJobHandle(cast("AsyncClient", self), await self.perform(ask))

    async def events(
        self, job_id: int, *, after: int | None = None, patience_s: float = PATIENCE_S, timeout_s: float | None = None
    ) -> AsyncIterator[Snapshot]:
        """A job's live events, as ``Client.events`` has them."""
        async for event in self.listen(of_job(self.url, job_id, after, patience_s, timeout_s)):
            yield Snapshot.model_validate(event)

    async def follow(
        self, job_id: int, *, patience_s: float = PATIENCE_S, timeout_s: float | None = None
    ) -> AsyncIterator[Job]:
        """The job now and whenever it has changed, to its end."""
        async for _ in self.listen(of_job(self.url, job_id, None, patience_s, timeout_s)):
            yield await self.perform(patient(get(f"/jobs/{job_id}", Job), patience_s))

    async def wait(
        self,
        job_id: int,
        *,
        progress: Progress | None = None,
        timeout_s: float | None = None,
        patience_s: float = PATIENCE_S,
        check: bool = False,
    ) -> Job:
        """The job as it ended, as ``Client.wait`` has it."""
        async for event in self.events(job_id, patience_s=patience_s, timeout_s=timeout_s):
            if progress is not None:
                progress(event)
        return ended(await self.perform(patient(get(f"/jobs/{job_id}", Job), patience_s)), check=check)

    async def all_events(
        self, *, after: str | None = None, patience_s: float = PATIENCE_S, **filters: object
    ) -> AsyncIterator[Heard | Reset]:
        """What happens to jobs from now on, as ``Client.all_events`` has it."""
        listening = AllListening(url=self.url, params=wanted(filters), after=after, patience_s=patience_s)
        async for event in self.listen(listening):
            yield heard(event, listening.after)
