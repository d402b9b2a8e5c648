"""Asking and waiting while others go on: what the asynchronous client is made of."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import httpx

from orchestrator.client.ask import (
    CONNECT_S,
    RETRIES,
    TIMEOUT_S,
    Ask,
    checked,
    get,
    next_page,
    not_answered,
    pause_s,
)  # fmt: skip
from orchestrator.client.errors import silent
from orchestrator.client.events import AGAIN_S, PATIENCE_S, POLL_S, EventLines, Listening, NoStream
from orchestrator.client.handles import AsyncJobHandle
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
        self.url, self._retries = url.rstrip("/"), retries
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

    async def perform(self, ask: Ask[T]) -> T:
        """The answer to a request."""
        return ask.read(await self.answer(ask))

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
        until = None if timeout_s is None else time.monotonic() + timeout_s
        listening = Listening(self.url, None if after is None else str(after), patience_s, until)
        while not listening.over:
            try:
                async for data in self._stream(f"/jobs/{job_id}/events", listening):
                    yield Snapshot.model_validate_json(data)
            except NoStream:
                async for data in self._poll(job_id, listening):
                    yield Snapshot.model_validate_json(data)
            except httpx.TransportError as error:
                listening.broken(error)
            if not listening.over:
                await asyncio.sleep(AGAIN_S)

    async def follow(
        self, job_id: int, *, patience_s: float = PATIENCE_S, timeout_s: float | None = None
    ) -> AsyncIterator[Job]:
        """The job now and whenever it has changed, to its end."""
        async for _ in self.events(job_id, patience_s=patience_s, timeout_s=timeout_s):
            yield await self.perform(get(f"/jobs/{job_id}", Job))

    async def _stream(self, path: str, listening: Listening) -> AsyncIterator[str]:
        lines = EventLines()
        async with self.http.stream("GET", path, headers=listening.headers, timeout=listening.timeout) as answer:
            if listening.refused(answer):
                await answer.aread()
                raise listening.refusal(answer)
            async for line in answer.aiter_lines():
                if (data := lines.take(line)) is not None:
                    listening.hear(lines, data)
                    yield data
                if listening.over:
                    return
                listening.check()

    async def _poll(self, job_id: int, listening: Listening) -> AsyncIterator[str]:
        shown: str | None = None
        while not listening.over:
            answer = await self.answer(get(f"/jobs/{job_id}", Job))
            event = listening.polled(json.loads(answer.content), shown)
            if event is not None:
                shown = event
                yield event
            if not listening.over:
                await asyncio.sleep(POLL_S)
