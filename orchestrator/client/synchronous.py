"""Asking and waiting, one thing after the other: what the clients that are not asynchronous share."""

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast
from urllib.parse import urlsplit

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
from orchestrator.client.handles import JobHandle, Progress, ended
from orchestrator.client.trust import trusted
from orchestrator.contracts.views import Job, Page, Snapshot
from orchestrator.errors import Unreachable

if TYPE_CHECKING:
    from orchestrator.client import Client

T = TypeVar("T")


def is_local(url: str) -> bool:
    """Whether a service is on this machine: a proxy for the world outside must not stand between."""
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


class Connected:
    """One service and one key; a context manager that closes its connections."""

    def __init__(self, url: str, key: str, *, timeout_s: float = TIMEOUT_S, retries: int = RETRIES) -> None:
        self.url, self._retries = url.rstrip("/"), retries
        try:
            self.http = httpx.Client(
                base_url=f"{self.url}/api/v1",
                headers={"Authorization": f"Bearer {key}"},
                timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
                trust_env=not is_local(self.url),
                verify=trusted(self.url),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise Unreachable(f"{self.url!r} with this key can not be used: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self.http.close()

    def answer(self, ask: Ask[Any]) -> httpx.Response:
        """The answer to a request, asked again where that is safe; ApiRefused, or Unreachable."""
        if ask.named is not None:
            return self.answer(ask.found(self.answer(ask.named.ask)))
        tried = 0
        while True:
            answer, silence = None, None
            try:
                answer = self.http.request(**ask.wire())
            except httpx.TransportError as error:
                silence = error
            except (httpx.InvalidURL, UnicodeEncodeError) as error:
                raise not_answered(self.url, error) from None
            if (pause := pause_s(ask, tried, self._retries, answer)) is None:
                break
            time.sleep(pause)
            tried += 1
        if answer is None:
            assert silence is not None  # noqa: S101 - one of the two there is
            raise silent(self.url, silence) from silence
        if answer.status_code == 404 and ask.otherwise is not None:
            return self.answer(ask.otherwise)
        return checked(answer, self.url)

    def flow(self, flow: Flow[T]) -> Flow[T]:
        """Several requests, one after the other, until there is nothing more to ask."""
        ask = flow.begin()
        while ask is not None:
            ask = flow.go_on(ask.plain(self.answer(ask)))
        return flow

    def listen(self, listening: Listening) -> Iterator[Document]:
        """The events of a stream, wherever it breaks."""
        while not listening.over:
            try:
                if listening.streams:
                    yield from self._stream(listening)
            except httpx.TransportError as error:
                listening.away(error)
            if (ask := listening.instead()) is not None:
                yield from self._asked(listening, ask)
            if not listening.over:
                time.sleep(listening.pause_s())

    def _stream(self, listening: Listening) -> Iterator[Document]:
        with self.http.stream(**listening.begin()) as answer:
            if not listening.opens(answer):
                answer.read()
                listening.refused(answer)
                return
            for line in answer.iter_lines():
                if (event := listening.take(line)) is not None:
                    yield event
                if listening.over:
                    return

    def _asked(self, listening: Listening, ask: Ask[Any]) -> Iterator[Document]:
        try:
            answer = self.answer(ask)
        except (Unreachable, Busy) as error:
            return listening.away(error)
        if (event := listening.asked(answer)) is not None:
            yield event
        return None


class Synchronous(Connected):
    """Answers are the models of the API (``orchestrator.contracts.views``)."""

    def perform(self, ask: Ask[T]) -> T:
        """The answer to a request."""
        return ask.read(self.answer(ask))

    def follow_through(self, flow: Flow[T]) -> T:
        """What comes of several requests."""
        return self.flow(flow).read()

    def each(self, asks: Iterable[Ask[list[T]]]) -> Iterator[T]:
        """What each of several requests is answered with, as they are sent."""
        for ask in asks:
            yield from self.perform(ask)

    def items(self, ask: Ask[Page[T]]) -> Iterator[T]:
        """Every item of a list."""
        left, cursor = cast("int | None", ask.params.get("limit")), None
        while left is None or left > 0:
            page = self.perform(next_page(ask, cursor, left))
            yield from page.items[:left]
            left, cursor = None if left is None else left - len(page.items), page.next_cursor
            if cursor is None:
                return

    def start(self, ask: Ask[Job]) -> JobHandle:
        """The job that a request starts."""
        return JobHandle(cast("Client", self), self.perform(ask))

    def events(
        self, job_id: int, *, after: int | None = None, patience_s: float = PATIENCE_S, timeout_s: float | None = None
    ) -> Iterator[Snapshot]:
        """A job's live events, beginning with its present state and ending after a terminal one.

        A connection that breaks is opened again where it was; so is one of before, with the ``seq`` of the last event
        as ``after``. While no stream gets through (a proxy, a service that has too many listeners), the job is asked
        for instead. Unreachable when the service is away for longer than ``patience_s``, TimeoutError after
        ``timeout_s``.
        """
        for event in self.listen(of_job(self.url, job_id, after, patience_s, timeout_s)):
            yield Snapshot.model_validate(event)

    def follow(self, job_id: int, *, patience_s: float = PATIENCE_S, timeout_s: float | None = None) -> Iterator[Job]:
        """The job now and whenever it has changed, to its end."""
        for _ in self.listen(of_job(self.url, job_id, None, patience_s, timeout_s)):
            yield self.perform(patient(get(f"/jobs/{job_id}", Job), patience_s))

    def wait(
        self,
        job_id: int,
        *,
        progress: Progress | None = None,
        timeout_s: float | None = None,
        patience_s: float = PATIENCE_S,
        check: bool = False,
    ) -> Job:
        """The job as it ended, whoever started it; ``progress`` is called with each event.

        TimeoutError when it has not ended within ``timeout_s``: it goes on, and can be waited for again. A service
        that is away for less than ``patience_s`` is no harm; Unreachable then. With ``check`` JobNotSuccessful when
        it ended otherwise than well.
        """
        for event in self.events(job_id, patience_s=patience_s, timeout_s=timeout_s):
            if progress is not None:
                progress(event)
        return ended(self.perform(patient(get(f"/jobs/{job_id}", Job), patience_s)), check=check)

    def all_events(
        self, *, after: str | None = None, patience_s: float = PATIENCE_S, **filters: object
    ) -> Iterator[Heard | Reset]:
        """What happens to jobs from now on, as the API's filters say (site, workflow, kind, owner, event); endless.

        A connection that breaks is opened again where it was, so that each event comes once; a program that begins
        anew gives the ``after`` of the last event that it has dealt with. Who was away for too long is told a Reset
        in place of what was missed. Unreachable when the service is away for longer than ``patience_s``.
        """
        listening = AllListening(url=self.url, params=wanted(filters), after=after, patience_s=patience_s)
        for event in self.listen(listening):
            yield heard(event, listening.after)
