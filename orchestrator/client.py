"""A small synchronous client of the HTTP API, for the command line and for programs.

::

    with Client("http://127.0.0.1:8080", key) as client:
        job = client.submit("verify_and_copy", "london", [b"/data/in"], fields={"destinationsite": "paris"})
        for job in client.follow(job["id"]):
            print(job["state"], job["progress"]["percent"])

Answers are the documents of the API as they are. Lists are iterators over every page. A path given is ``str`` or
``bytes``; bytes that are not UTF-8 go as ``path_b64``.
"""

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlsplit

import httpx

from orchestrator.domain.kinds import ENDS
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


class Client:
    """One service and one key; a context manager that closes its connections."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        # A proxy for the world outside must not stand between us and a service on this machine.
        try:
            local = urlsplit(self.url).hostname in ("127.0.0.1", "::1", "localhost")
            self._http = httpx.Client(
                base_url=f"{self.url}/api/v1",
                headers={"Authorization": f"Bearer {key}"},
                timeout=TIMEOUT,
                trust_env=not local,
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise Unreachable(f"{self.url!r} with this key can not be used: {error}") from error

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def submit(
        self,
        workflow: str,
        site: str,
        paths: Iterable[str | bytes],
        *,
        fields: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
        **more: object,
    ) -> Document:
        """Start a job; ``more`` is the rest of the body (queue, priority, discovery, dry_run ...), None left out.

        Safe to repeat: without a key of the caller's own it makes one, and asks again if the connection breaks.
        """
        body: Document = {"workflow": workflow, "site": site, "paths": [path_input(path) for path in paths]}
        if fields:
            body["fields"] = fields
        body.update({name: value for name, value in more.items() if value is not None})
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        return self._repeatable(lambda: self.request("POST", "/jobs", body, headers=headers))

    def job(self, job_id: int) -> Document:
        """One job."""
        return self.request("GET", f"/jobs/{job_id}")

    def jobs(self, **filters: object) -> Iterator[Document]:
        """Jobs, as the API's filters say."""
        return self.pages("/jobs", **filters)

    def of_job(self, job_id: int, what: str, **filters: object) -> Iterator[Document]:
        """A job's ``tasks``, ``errors``, ``paths`` or ``history``."""
        return self.pages(f"/jobs/{job_id}/{what}", **filters)

    def follow(self, job_id: int, *, patience_s: float = 60.0) -> Iterator[Document]:
        """The job now and whenever it has changed, to its end; a service that is away longer raises Unreachable."""
        while True:
            for _ in self.events(job_id, patience_s=patience_s):
                job = self.job(job_id)
                yield job
                if job["state"] in ENDS:
                    return

    def events(self, job_id: int, *, patience_s: float = 60.0) -> Iterator[Document]:
        """A job's live events, beginning with its present state and ending after a terminal one.

        A connection that breaks is opened again where it was (Last-Event-ID). Where streams do not get through (a
        proxy), the job is asked for once a second instead and each change is an event.
        """
        last: str | None = None
        heard = time.monotonic()
        while True:
            try:
                for name, event in self._stream(job_id, last):
                    last, heard = name or last, time.monotonic()
                    yield event
                    if event["state"] in ENDS:
                        return
            except _NoStream:
                yield from self._poll(job_id)
                return
            except httpx.TransportError as error:
                if time.monotonic() - heard > patience_s:
                    raise self._silent(error) from error
            time.sleep(0.5)

    def _stream(self, job_id: int, last: str | None) -> Iterator[tuple[str | None, Document]]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        with self._http.stream("GET", f"/jobs/{job_id}/events", headers=headers, timeout=SILENCE) as answer:
            if answer.status_code in (404, 401, 403):
                answer.read()
                raise _refusal(answer)
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                raise _NoStream
            yield from parse_events(answer.iter_lines())

    def _poll(self, job_id: int) -> Iterator[Document]:
        shown: Document | None = None
        while True:
            job = self._repeatable(lambda: self.job(job_id))
            event = {"seq": None, **{name: job[name] for name in ("state", "tasks", "paths", "progress")}}
            if event != shown:
                shown = event
                yield event
            if job["state"] in ENDS:
                return
            time.sleep(1.0)

    def workflow(self, name: str) -> Document:
        """One workflow, its newest version."""
        return self.request("GET", f"/workflows/{_segment(name)}")

    def apply_workflow(self, name: str, definition: Document) -> Document:
        """Make the definition the workflow's newest version, or the workflow where there is none of this name."""
        try:
            return self.request("PUT", f"/workflows/{_segment(name)}", definition)
        except ApiRefused as refused:
            if refused.status != 404:
                raise
        return self.request("POST", "/workflows", definition)

    def delete_workflow(self, name: str) -> Document:
        """Delete a workflow; its jobs keep the version that they run."""
        return self.request("DELETE", f"/workflows/{_segment(name)}")

    def site(self, name: str) -> Document:
        """One site, its nodes, queues and actions."""
        return self.request("GET", f"/sites/{_segment(name)}")

    def readiness(self) -> httpx.Response:
        """``/health/ready`` as it is answered, 503 included: outside ``/api/v1``, and no key is needed."""
        try:
            return self._http.get(f"{self.url}/health/ready", timeout=10)
        except httpx.TransportError as error:
            raise self._silent(error) from error

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
    ) -> Document:
        """One request below ``/api/v1``; the answer's document ({} for none), ApiRefused, or Unreachable.

        ``document`` is the body, sent as JSON.
        """
        headers = {"Content-Type": "application/json", **(headers or {})}
        # ASCII: text that is no text (a lone surrogate from a command line) gets to the service, which says so.
        body = None if document is None else json.dumps(document).encode("ascii")
        try:
            answer = self._http.request(method, path, params=params, content=body, headers=headers)
        except UnicodeEncodeError as error:
            raise Refused(f"{error.object!r} is not text") from None
        except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise self._silent(error) from error
        if answer.status_code >= 300:
            raise _refusal(answer)
        try:
            return answer.json() if answer.content else {}
        except ValueError:
            raise Unreachable(f"what answers at {self.url} is not an orchestrator: no JSON") from None

    def _repeatable(self, ask: Callable[[], T]) -> T:
        """Ask up to three times while the service does not answer: only for what is the same asked twice."""
        for pause in (0.5, 2.0):
            try:
                return ask()
            except Unreachable:
                time.sleep(pause)
        return ask()

    def _silent(self, error: Exception) -> Unreachable:
        return Unreachable(
            f"no answer from {self.url}: {str(error) or type(error).__name__}; "
            "is it running? (`orchestrator up` starts one, `orchestrator doctor` finds what is wrong)"
        )


class _NoStream(Exception):
    """The events of a job can not be streamed from here."""


def path_input(path: str | bytes) -> str | Document:
    """A path as the API takes it: text, or an object with its bytes where they are not UTF-8."""
    if isinstance(path, str):
        path = path.encode("utf-8", "surrogateescape")
    try:
        return path.decode()
    except UnicodeDecodeError:
        return {"path_b64": base64.b64encode(path).decode("ascii")}


def parse_events(lines: Iterable[str]) -> Iterator[tuple[str | None, Document]]:
    """The events of a stream in the format of server-sent events: each one's id and JSON; comments are skipped."""
    name: str | None = None
    data: list[str] = []
    for line in lines:
        label, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if label == "id":
            name = value
        elif label == "data":
            data.append(value)
        elif not line and data:
            yield name, json.loads("\n".join(data))
            data = []


def _segment(name: str) -> str:
    return quote(name, safe="", errors="surrogateescape")


def _refusal(answer: httpx.Response) -> ApiRefused:
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
