"""Asking the service: requests, pages of lists, and what is refused or not answered."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from urllib.parse import quote, urlsplit

import httpx

from orchestrator.errors import Fault, Refused, Unreachable

Document = dict[str, Any]
T = TypeVar("T")

TIMEOUT = httpx.Timeout(60.0, connect=5.0)
SILENCE = httpx.Timeout(30.0, connect=5.0)
"""Of a stream of events: one that says nothing for longer is opened anew."""


class ApiRefused(Refused):
    """The service's problem document: what it does not do, and why. ``status`` is the HTTP status."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        errors: Sequence[Fault] = (),
        legal_events: Sequence[str] | None = None,
    ) -> None:
        self.status, self.title, self.legal_events = status, title, legal_events
        super().__init__(detail or title, errors)


class Asker:
    """One service and one key; a context manager that closes its connections."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        # A proxy for the world outside must not stand between us and a service on this machine.
        try:
            local = urlsplit(self.url).hostname in ("127.0.0.1", "::1", "localhost")
            self.http = httpx.Client(
                base_url=f"{self.url}/api/v1",
                headers={"Authorization": f"Bearer {key}"},
                timeout=TIMEOUT,
                trust_env=not local,
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise Unreachable(f"{self.url!r} with this key can not be used: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def pages(self, path: str, **filters: object) -> Iterator[Document]:
        """Every item of a list, fetched page by page as needed; ``limit`` in the filters is how many are wanted."""
        wanted = filters.pop("limit", None)
        left = wanted if isinstance(wanted, int) else None
        query = {name: value for name, value in filters.items() if value is not None and value != []}
        while left is None or left > 0:
            page = self.request("GET", path, params=query | {"limit": min(left or 500, 500)})
            items: list[Document] = page["items"][:left]
            yield from items
            left = None if left is None else left - len(items)
            if page.get("next_cursor") is None:
                return
            query["cursor"] = page["next_cursor"]

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
        headers = {"Content-Type": "application/json", **(headers or {})}
        # ASCII: text that is no text (a lone surrogate from a command line) gets to the service, which says so.
        body = content if document is None else json.dumps(document).encode("ascii")
        try:
            answer = self.http.request(method, path, params=params, content=body, headers=headers)
        except UnicodeEncodeError as error:
            raise Refused(f"{error.object!r} is not text") from None
        except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise self.silent(error) from error
        if answer.status_code >= 300:
            raise refusal(answer)
        try:
            return answer.json() if answer.content else {}
        except ValueError:
            raise Unreachable(f"what answers at {self.url} is not an orchestrator: no JSON") from None

    def keep(self, path: str, name: str, document: Document) -> Document:
        """Replace what a list has under this name, or add it where there is nothing."""
        try:
            return self.request("PUT", f"{path}/{segment(name)}", document)
        except ApiRefused as refused:
            if refused.status != 404:
                raise
        return self.request("POST", path, document)

    def repeatable(self, ask: Callable[[], T]) -> T:
        """Ask up to three times while the service does not answer: only for what is the same asked twice."""
        for pause in (0.5, 2.0):
            try:
                return ask()
            except Unreachable:
                time.sleep(pause)
        return ask()

    def silent(self, error: Exception) -> Unreachable:
        """What to raise when there was no answer."""
        return Unreachable(
            f"no answer from {self.url}: {str(error) or type(error).__name__}; "
            "is it running? (`orchestrator up` starts one, `orchestrator doctor` finds what is wrong)"
        )


def segment(name: str) -> str:
    """A name as a part of an address."""
    return quote(name, safe="", errors="surrogateescape")


def refusal(answer: httpx.Response) -> ApiRefused:
    """The refusal in an answer, whether it is a problem document or some proxy's page."""
    try:
        document: object = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return ApiRefused(
            answer.status_code, answer.reason_phrase, f"{answer.status_code} {answer.reason_phrase} from {answer.url}"
        )
    problem = cast(Document, document)
    faults = [Fault(str(fault.get("place", "")), str(fault.get("reason", ""))) for fault in problem.get("errors") or ()]
    title = str(problem.get("title", answer.reason_phrase))
    return ApiRefused(
        answer.status_code, title, str(problem.get("detail") or title), faults, problem.get("legal_events")
    )
