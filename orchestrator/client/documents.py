"""Answers as the documents of the API, for who shows them or knows them better than the models of a client."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import httpx

from orchestrator.client.ask import Ask, Flow, get, keep, listed, next_page, patient
from orchestrator.client.errors import Document, silent
from orchestrator.client.events import PATIENCE_S, AllListening, of_job, wanted
from orchestrator.client.synchronous import Connected
from orchestrator.contracts.views import Job


class Documents(Connected):
    """Answers are the documents of the API as they come.

    What is asked for is asked once, unless asking twice is harmless for sure: who sits at a command line wants to know.
    """

    def __init__(self, url: str, key: str, *, timeout_s: float = 60.0, retries: int = 0) -> None:
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
        return ask.plain(self.answer(ask))

    start = perform

    def follow_through(self, flow: Flow[Any]) -> Document:
        """What comes of several requests."""
        return self.flow(flow).document

    def each(self, asks: Iterable[Ask[Any]]) -> Iterator[Document]:
        """What each of several requests is answered with, as they are sent."""
        for ask in asks:
            yield from cast("list[Document]", self.perform(ask))

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
        return self.listen(of_job(self.url, job_id, after, patience_s, timeout_s))

    def follow(self, job_id: int, *, patience_s: float = PATIENCE_S) -> Iterator[Document]:
        """The job now and whenever it has changed, to its end."""
        for _ in self.events(job_id, patience_s=patience_s):
            yield self.perform(patient(get(f"/jobs/{job_id}", Job), patience_s))

    def all_events(
        self, *, after: str | None = None, patience_s: float = PATIENCE_S, **filters: object
    ) -> Iterator[Document]:
        """What happens to jobs from now on, as ``Client.all_events`` has it; a reset is ``{"event": "reset"}``."""
        return self.listen(AllListening(url=self.url, params=wanted(filters), after=after, patience_s=patience_s))

    def readiness(self) -> httpx.Response:
        """``/health/ready`` as it is answered, 503 included: outside ``/api/v1``, and no key is needed."""
        try:
            return self.http.get(f"{self.url}/health/ready", timeout=10)
        except httpx.TransportError as error:
            raise silent(self.url, error) from error
