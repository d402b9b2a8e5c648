"""Asking and waiting, one thing after the other: what the clients that are not asynchronous share."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast
from urllib.parse import urlsplit

import httpx

from orchestrator.client.ask import (
    CONNECT_S,
    RETRIES,
    TIMEOUT_S,
    Ask,
    checked,
    get,
    keep,
    listed,
    next_page,
    not_answered,
    pause_s,
)  # fmt: skip
from orchestrator.client.errors import Document, silent
from orchestrator.client.events import AGAIN_S, PATIENCE_S, POLL_S, EventLines, Listening, NoStream
from orchestrator.client.handles import JobHandle
from orchestrator.client.trust import trusted
from orchestrator.contracts.views import Job, Page, Snapshot
from orchestrator.domain.kinds import ENDS
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

    def told(self, job_id: int, after: int | None, patience_s: float, timeout_s: float | None) -> Iterator[str]:
        """A job's events, each as its JSON."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        listening = Listening(self.url, None if after is None else str(after), patience_s, until)
        while not listening.over:
            try:
                yield from self._stream(f"/jobs/{job_id}/events", listening)
            except NoStream:
                yield from self._poll(job_id, listening)
            except httpx.TransportError as error:
                listening.broken(error)
            if not listening.over:
                time.sleep(AGAIN_S)

    def _stream(self, path: str, listening: Listening) -> Iterator[str]:
        lines = EventLines()
        with self.http.stream("GET", path, headers=listening.headers, timeout=listening.timeout) as answer:
            if listening.refused(answer):
                answer.read()
                raise listening.refusal(answer)
            for line in answer.iter_lines():
                if (data := lines.take(line)) is not None:
                    listening.hear(lines, data)
                    yield data
                if listening.over:
                    return
                listening.check()

    def _poll(self, job_id: int, listening: Listening) -> Iterator[str]:
        shown: str | None = None
        while not listening.over:
            event = listening.polled(json.loads(self.answer(get(f"/jobs/{job_id}", Job)).content), shown)
            if event is not None:
                shown = event
                yield event
            if not listening.over:
                time.sleep(POLL_S)


class Synchronous(Connected):
    """Answers are the models of the API (``orchestrator.contracts.views``)."""

    def perform(self, ask: Ask[T]) -> T:
        """The answer to a request."""
        return ask.read(self.answer(ask))

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
        as ``after``. Where streams do not get through (a proxy), the job is asked for once a second. Unreachable when
        the service is away for longer than ``patience_s``, TimeoutError after ``timeout_s``.
        """
        for data in self.told(job_id, after, patience_s, timeout_s):
            yield Snapshot.model_validate_json(data)

    def follow(self, job_id: int, *, patience_s: float = PATIENCE_S, timeout_s: float | None = None) -> Iterator[Job]:
        """The job now and whenever it has changed, to its end."""
        for _ in self.told(job_id, None, patience_s, timeout_s):
            yield self.perform(get(f"/jobs/{job_id}", Job))


class Documents(Connected):
    """Answers are the documents of the API as they come, for who shows them or knows them better than these models.

    What is asked for is asked once, unless it has an Idempotency-Key: who sits at a command line wants to know.
    """

    def __init__(self, url: str, key: str, *, timeout_s: float = TIMEOUT_S, retries: int = 0) -> None:
        super().__init__(url, key, timeout_s=timeout_s, retries=retries)

    def request(
        self,
        method: str,
        path: str,
        document: object = None,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Document:
        """One request below ``/api/v1``; the answer's document ({} for none), ApiRefused, or Unreachable.

        ``document`` is the body, sent as JSON; ``content`` is one that is sent as it is.
        """
        return self.perform(
            Ask(method=method, path=path, answer=None, document=document, params=params or {}, headers=headers or {},
                content=content)
        )  # fmt: skip

    def pages(self, path: str, **filters: object) -> Iterator[Document]:
        """Every item of a list, fetched page by page as needed; ``limit`` in the filters is how many are wanted."""
        return self.items(listed(path, dict, **filters))

    def of_job(self, job_id: int, what: str, **filters: object) -> Iterator[Document]:
        """A job's ``tasks``, ``errors``, ``paths`` or ``history``."""
        return self.pages(f"/jobs/{job_id}/{what}", **filters)

    def keep(self, path: str, name: str, document: Document) -> Document:
        """Replace what a list has under this name, or add it where there is nothing."""
        return self.perform(keep(path, name, dict, document))

    def perform(self, ask: Ask[Any]) -> Document:
        """The answer's document."""
        answer = self.answer(ask)
        try:
            return answer.json() if answer.content else {}
        except ValueError:
            raise Unreachable(f"what answers at {self.url} is not an orchestrator: no JSON") from None

    start = perform

    def items(self, ask: Ask[Any]) -> Iterator[Document]:
        """Every item of a list."""
        left, cursor = cast("int | None", ask.params.get("limit")), None
        while left is None or left > 0:
            page = self.perform(next_page(ask, cursor, left))
            items: list[Document] = page["items"][:left]
            yield from items
            left, cursor = None if left is None else left - len(items), page.get("next_cursor")
            if cursor is None:
                return

    def events(
        self, job_id: int, *, after: int | None = None, patience_s: float = PATIENCE_S, timeout_s: float | None = None
    ) -> Iterator[Document]:
        """A job's live events, as ``Client.events`` has them."""
        for data in self.told(job_id, after, patience_s, timeout_s):
            yield json.loads(data)

    def follow(self, job_id: int, *, patience_s: float = PATIENCE_S) -> Iterator[Document]:
        """The job now and whenever it has changed, to its end; a service that is away longer raises Unreachable."""
        while True:
            for _ in self.events(job_id, patience_s=patience_s):
                job = self.perform(get(f"/jobs/{job_id}", Job))
                yield job
                if job["state"] in ENDS:
                    return

    def repeatable(self, ask: Callable[[], T]) -> T:
        """Ask up to three times while the service does not answer: only for what is the same asked twice."""
        for pause in (0.5, 2.0):
            try:
                return ask()
            except Unreachable:
                time.sleep(pause)
        return ask()

    def readiness(self) -> httpx.Response:
        """``/health/ready`` as it is answered, 503 included: outside ``/api/v1``, and no key is needed."""
        try:
            return self.http.get(f"{self.url}/health/ready", timeout=10)
        except httpx.TransportError as error:
            raise silent(self.url, error) from error
