"""A request as it is described, once, for both ways of sending it: nothing here sends or waits."""

import base64
import json
import uuid
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from orchestrator.client.errors import Document, NotThere, refusal, silent
from orchestrator.contracts.views import Page
from orchestrator.errors import OrchestratorError, Refused, Unreachable

T = TypeVar("T")

TIMEOUT_S = 60.0
CONNECT_S = 5.0
RETRIES = 2
"""Of what is the same asked twice."""
PAGE = 500
NDJSON = "application/x-ndjson"
_PAUSES_S = (0.5, 2.0, 5.0)
_LONGEST_PAUSE_S = 30.0
AWAY = frozenset({429, 502, 503, 504})
"""What to try again after: the same request may well be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Generic[T]):
    """One request below ``/api/v1``, and what its answer is read as."""

    method: str
    path: str
    answer: Any
    """A model; None: there is no answer to read."""
    document: object = None
    """The body, sent as JSON."""
    content: bytes | None = None
    """A body that is sent as it is."""
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    otherwise: "Ask[T] | None" = None
    """What is asked instead where there is nothing at that address."""
    retries: int = 0
    """Asked again at least so often, however few the client is for: of what is the same asked twice."""
    named: "Named | None" = None
    """What ``{}`` in the path stands for, where only its name is known."""

    @property
    def repeatable(self) -> bool:
        """Whether asking twice is the same as once."""
        return self.retries > 0 or self.method in ("GET", "PUT", "DELETE")

    def found(self, answer: httpx.Response) -> "Ask[T]":
        """What is to be asked once it is known what is of that name; NotThere when nothing is."""
        assert self.named is not None  # noqa: S101 - what was answered was asked for its sake
        items: list[Document] = answer.json()["items"]
        if items:
            return replace(self, path=self.path.replace("{}", str(items[0]["id"])), named=None)
        if self.otherwise is None:
            raise NotThere(404, "Not Found", f"there is no {self.named.kind} {self.named.name!r}")
        return self.otherwise

    def status(self, answer: httpx.Response) -> int:
        """By which it is known whether to ask again."""
        return answer.status_code

    def wire(self) -> dict[str, Any]:
        """The arguments of httpx; Refused for a text that is none."""
        # ASCII: text that is no text (a lone surrogate from a command line) gets to the service, which says so.
        body = self.content if self.document is None else json.dumps(self.document).encode("ascii")
        headers = {"Content-Type": "application/json", **self.headers}
        params = {name: value for name, value in self.params.items() if value is not None and value != []}
        return {"method": self.method, "url": self.path, "params": params, "content": body, "headers": headers}

    def plain(self, answer: httpx.Response) -> Any:
        """The answer's document as it came; {} where there is none."""
        try:
            return answer.json() if answer.content else {}
        except ValueError:
            raise Unreachable(f"the answer to {self.method} {self.path} is no JSON") from None

    def read(self, answer: httpx.Response) -> T:
        """The answer as its model; Unreachable when it is another than this client knows."""
        if self.answer is None:
            return cast(T, None)
        return as_model(self.answer, answer.content, f"{self.method} {self.path}")


@dataclass(frozen=True, slots=True)
class Named:
    """Something that the API knows by its number, and people by its name."""

    kind: str
    """As addresses have it, but one of them."""
    name: str

    @property
    def ask(self) -> Ask[Page[Any]]:
        """The list with no other."""
        return listed(f"/{self.kind}s", object, name=self.name, limit=1)


Steps = Generator[Ask[Any], Document, Document]
"""Yields a request, is sent the document of its answer, and returns the document of it all."""


class Flow(Generic[T]):
    """Several requests, each as the answers to those before have it, and what comes of them in the end."""

    def __init__(self, answer: type[T], steps: Steps) -> None:
        self._answer, self._steps = answer, steps
        self.document: Document = {}

    def begin(self) -> Ask[Any] | None:
        """What is asked first."""
        return self.go_on(None)

    def go_on(self, answered: Document | None) -> Ask[Any] | None:
        """What is asked next; None when there is nothing more to ask."""
        try:
            return next(self._steps) if answered is None else self._steps.send(answered)
        except StopIteration as end:
            self.document = end.value
            return None

    def read(self) -> T:
        """What came of it, as its model."""
        return as_model(self._answer, json.dumps(self.document).encode(), "several requests")


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def as_model(model: Any, document: bytes, asked: str) -> Any:
    """A document of JSON as its model; Unreachable when it is another than this client knows."""
    if model not in _ADAPTERS:
        _ADAPTERS[model] = TypeAdapter(model)
    try:
        return _ADAPTERS[model].validate_json(document)
    except ValidationError as error:
        what = f"the answer to {asked} is not as this client knows it"
        raise Unreachable(f"{what}: {error.errors(include_url=False, include_input=False)[0]}") from error


def get(path: str, answer: type[T], **params: object) -> Ask[T]:
    """To read something."""
    return Ask(method="GET", path=path, answer=answer, params=params)


def listed(path: str, item: type[T], **params: object) -> Ask[Page[T]]:
    """To read a list, page by page; ``limit`` is how many are wanted in all."""
    return Ask(method="GET", path=path, answer=cast(Any, Page)[item], params=params)


def post(path: str, answer: type[T], document: object = None, *, key: str | None = None) -> Ask[T]:
    """To have something done; with a ``key`` once, however often it is asked for."""
    if key is None:
        return Ask(method="POST", path=path, answer=answer, document=document)
    headers = {"Idempotency-Key": key}
    return Ask(method="POST", path=path, answer=answer, document=document, headers=headers, retries=RETRIES)


def make(path: str, answer: type[T], document: object = None) -> Ask[T]:
    """To have something made, once, though it is asked for again when there is no answer."""
    return post(path, answer, document, key=new_key())


def put(path: str, answer: type[T], document: object) -> Ask[T]:
    """To replace something."""
    return Ask(method="PUT", path=path, answer=answer, document=document)


def only(ask: Ask[T], tag: object) -> Ask[T]:
    """The same, if what it changes is at this version still; None: whichever it is at."""
    return ask if tag is None else replace(ask, headers={**ask.headers, "If-Match": f'"{tag}"'}, otherwise=None)


def keep(path: str, name: str, answer: type[T], document: object) -> Ask[T]:
    """To replace what a list has under this name, or add it where there is nothing."""
    return replace(put(f"{path}/{segment(name)}", answer, document), otherwise=post(path, answer, document))


def delete(path: str, answer: type[T] | None = None, document: object = None) -> Ask[T]:
    """To take something away."""
    return Ask(method="DELETE", path=path, answer=answer, document=document)


def next_page(ask: Ask[T], cursor: str | None, left: int | None) -> Ask[T]:
    """The same list, after ``cursor``; no more items than are ``left`` to be wanted."""
    cursors = {} if cursor is None else {"cursor": cursor}
    others = {name: value for name, value in ask.params.items() if name != "limit"}
    return replace(ask, params={**others, **cursors, "limit": min(left or PAGE, PAGE)})


def patient(ask: Ask[T], patience_s: float) -> Ask[T]:
    """The same, asked again for about so long: of what is the same asked twice."""
    first = sum(_PAUSES_S[:-1])
    more = int((patience_s - first) / _PAUSES_S[-1]) + len(_PAUSES_S) - 1
    return replace(ask, retries=more if patience_s >= first else int(patience_s >= _PAUSES_S[0]))


def pause_s(ask: Ask[Any], tried: int, retries: int, answer: httpx.Response | None) -> float | None:
    """How long to wait before asking again, None for not at all; ``answer`` is None where there was none."""
    most = max(retries, ask.retries) if ask.repeatable else 0
    if tried >= most or (answer is not None and ask.status(answer) not in AWAY):
        return None
    said = None if answer is None else retry_after_s(answer)
    return _PAUSES_S[min(tried, len(_PAUSES_S) - 1)] if said is None else said


def retry_after_s(answer: httpx.Response) -> float | None:
    """How long it asks to be left alone; None when it does not say."""
    said = answer.headers.get("retry-after", "")
    return min(float(said), _LONGEST_PAUSE_S) if said.isascii() and said.isdigit() else None


def checked(answer: httpx.Response, url: str) -> httpx.Response:
    """The answer, if it is one to what was asked; ApiRefused, or Unreachable for what is no orchestrator."""
    if answer.status_code >= 300:
        raise refusal(answer)
    kind = answer.headers.get("content-type", "")
    if answer.content and not kind.startswith(("application/json", NDJSON)):
        raise Unreachable(f"what answers at {url} is not an orchestrator: no JSON")
    return answer


def not_answered(url: str, error: Exception) -> OrchestratorError:
    """What to raise for an error of httpx."""
    if isinstance(error, UnicodeEncodeError):
        return Refused(f"{error.object!r} is not text")
    return silent(url, error)


def new_key() -> str:
    """An Idempotency-Key of its own for one request."""
    return uuid.uuid4().hex


def said(**values: object) -> Document:
    """A body of what was given."""
    return {name: value for name, value in values.items() if value is not None}


def segment(name: str) -> str:
    """A name as a part of an address."""
    return quote(name, safe="", errors="surrogateescape")


def path_inputs(paths: Iterable[str | bytes]) -> list[str | Document]:
    """Paths as the API takes them."""
    return [path_input(path) for path in paths]


def path_input(path: str | bytes) -> str | Document:
    """A path as the API takes it: text, or an object with its bytes where they are not UTF-8."""
    if isinstance(path, str):
        path = path.encode("utf-8", "surrogateescape")
    try:
        return path.decode()
    except UnicodeDecodeError:
        return {"path_b64": base64.b64encode(path).decode("ascii")}
