"""A request as it is described, once, for both ways of sending it: nothing here sends or waits."""

import base64
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from orchestrator.client.errors import Document, refusal, silent
from orchestrator.contracts.views import Page
from orchestrator.errors import OrchestratorError, Refused, Unreachable

T = TypeVar("T")

TIMEOUT_S = 60.0
CONNECT_S = 5.0
RETRIES = 2
"""Of what is the same asked twice."""
PAGE = 500
_PAUSES_S = (0.5, 2.0, 5.0)
_LONGEST_PAUSE_S = 30.0
_AWAY = frozenset({429, 502, 503, 504})
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

    @property
    def has_key(self) -> bool:
        """By which the service knows that it is asked for the same again."""
        return "Idempotency-Key" in self.headers

    @property
    def repeatable(self) -> bool:
        """Whether asking twice is the same as once."""
        return self.has_key or self.method in ("GET", "PUT", "DELETE")

    def wire(self) -> dict[str, Any]:
        """The arguments of httpx; Refused for a text that is none."""
        # ASCII: text that is no text (a lone surrogate from a command line) gets to the service, which says so.
        body = self.content if self.document is None else json.dumps(self.document).encode("ascii")
        headers = {"Content-Type": "application/json", **self.headers}
        params = {name: value for name, value in self.params.items() if value is not None and value != []}
        return {"method": self.method, "url": self.path, "params": params, "content": body, "headers": headers}

    def read(self, answer: httpx.Response) -> T:
        """The answer as its model; Unreachable when it is another than this client knows."""
        if self.answer is None:
            return cast(T, None)
        try:
            return adapter(self.answer).validate_json(answer.content)
        except ValidationError as error:
            what = f"the answer to {self.method} {self.path} is not as this client knows it"
            raise Unreachable(f"{what}: {error.errors(include_url=False, include_input=False)[0]}") from error


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def adapter(model: Any) -> TypeAdapter[Any]:
    """What reads a model; made once."""
    if model not in _ADAPTERS:
        _ADAPTERS[model] = TypeAdapter(model)
    return _ADAPTERS[model]


def get(path: str, answer: type[T], **params: object) -> Ask[T]:
    """To read something."""
    return Ask(method="GET", path=path, answer=answer, params=params)


def listed(path: str, item: type[T], **params: object) -> Ask[Page[T]]:
    """To read a list, page by page; ``limit`` is how many are wanted in all."""
    return Ask(method="GET", path=path, answer=cast(Any, Page)[item], params=params)


def post(path: str, answer: type[T], document: object = None, *, key: str | None = None) -> Ask[T]:
    """To have something done; with a ``key`` once, however often it is asked for."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return Ask(method="POST", path=path, answer=answer, document=document, headers=headers)


def put(path: str, answer: type[T], document: object) -> Ask[T]:
    """To replace something."""
    return Ask(method="PUT", path=path, answer=answer, document=document)


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


def pause_s(ask: Ask[Any], tried: int, retries: int, answer: httpx.Response | None) -> float | None:
    """How long to wait before asking again, None for not at all; ``answer`` is None where there was none."""
    most = max(retries, RETRIES) if ask.has_key else retries if ask.repeatable else 0
    if tried >= most or (answer is not None and answer.status_code not in _AWAY):
        return None
    said = "" if answer is None else answer.headers.get("retry-after", "")
    if said.isdigit():
        return min(float(said), _LONGEST_PAUSE_S)
    return _PAUSES_S[min(tried, len(_PAUSES_S) - 1)]


def checked(answer: httpx.Response, url: str) -> httpx.Response:
    """The answer, if it is one to what was asked; ApiRefused, or Unreachable for what is no orchestrator."""
    if answer.status_code >= 300:
        raise refusal(answer)
    kind = answer.headers.get("content-type", "")
    if answer.content and not kind.startswith("application/json"):
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
