"""Live events as they come over the wire, and where a stream of them is; nothing here sends or waits."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx
from pydantic import BaseModel

from orchestrator.client.ask import AWAY, CONNECT_S, Ask, get, retry_after_s
from orchestrator.client.errors import Document, refusal, silent
from orchestrator.contracts.views import Happened, Job
from orchestrator.domain.kinds import ENDS
from orchestrator.errors import OrchestratorError, Unreachable

SILENCE_S = 30.0
"""Of a stream of events: one that says nothing for longer is opened anew."""
AGAIN_S = 0.5
"""How long to wait before that."""
POLL_S = 1.0
"""How often a job is asked for where streams do not get through."""
PATIENCE_S = 60.0
"""How long a service may be away."""
RESET: Document = {"event": "reset"}
"""In place of what was missed."""
_PARTS = ("state", "tasks", "paths", "progress")


class Event(NamedTuple):
    """One event of a stream; its name is empty where it has none."""

    name: str
    data: str


@dataclass(slots=True)
class EventLines:
    """Takes a stream in the format of server-sent events line by line; comments are skipped."""

    last: str | None = None
    """The id that was heard last, maybe with a comment: where to go on."""
    _id: str | None = None
    _name: str = ""
    _data: list[str] = field(default_factory=list[str])

    def take(self, line: str) -> Event | None:
        """The event that ends with this line, None for none."""
        label, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if label == "id":
            self._id = value
        elif label == "event":
            self._name = value
        elif label == "data":
            self._data.append(value)
        elif not line:
            event = Event(self._name, "\n".join(self._data)) if self._data else None
            self.last = self._id or self.last
            self._name, self._data = "", []
            return event
        return None


def parse_events(lines: Iterable[str]) -> Iterator[tuple[str | None, Document]]:
    """The events of a stream: each one's id and JSON."""
    taken = EventLines()
    for line in lines:
        if (event := taken.take(line)) is not None:
            yield taken.last, json.loads(event.data)


@dataclass(slots=True, kw_only=True)
class Listening(ABC):
    """Where a stream of events is: it goes on after the last that was heard, whatever breaks between."""

    url: str
    """Of the service, for messages."""
    path: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    after: str | None = None
    """The id of the last that was heard."""
    patience_s: float = PATIENCE_S
    timeout_s: float | None = None
    """From now on; TimeoutError then."""
    clock: Callable[[], float] = time.monotonic
    over: bool = False
    streams: bool = True
    """False once it is known that no stream gets through."""
    _lines: EventLines = field(default_factory=EventLines)
    _pause_s: float = AGAIN_S
    _until: float | None = field(init=False)
    _heard: float = field(init=False)

    def __post_init__(self) -> None:
        self._heard = self.clock()
        self._until = None if self.timeout_s is None else self._heard + self.timeout_s

    def begin(self) -> dict[str, Any]:
        """The arguments of httpx for a stream from here on."""
        self._lines, self._pause_s = EventLines(self.after), AGAIN_S
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self.after} if self.after else {})
        timeout = httpx.Timeout(max(0.05, self._left(SILENCE_S)), connect=CONNECT_S)
        return {"method": "GET", "url": self.path, "params": self.params, "headers": headers, "timeout": timeout}

    def opens(self, answer: httpx.Response) -> bool:
        """Whether this is the stream; else ``refused`` is to be told, once its body is read."""
        kind = answer.headers.get("content-type", "")
        return answer.status_code == 200 and kind.startswith("text/event-stream")

    def refused(self, answer: httpx.Response) -> None:
        """It was no stream: raise that, unless it may become one."""
        if answer.status_code == 204:
            self.over = True  # all had been heard
        elif answer.status_code in AWAY:
            self._pause_s = retry_after_s(answer) or AGAIN_S
            if not self._put_off():
                self.away(refusal(answer))
        else:
            self._has_none(answer)

    def take(self, line: str) -> Document | None:
        """The event that ends with this line, unless it is none or was heard before."""
        self._heard = self.clock()
        event = self._lines.take(line)
        self.after = self._lines.last
        told = None if event is None else self._told(event)
        if not self.over:
            self._check()
        return told

    def instead(self) -> Ask[Any] | None:
        """What to ask for now, since there was no stream."""
        return None

    def asked(self, answer: httpx.Response) -> Document | None:
        """Its answer as an event; None when that is no news."""
        raise NotImplementedError

    def away(self, error: Exception) -> None:
        """There was no answer, or that it can not be given now; raised when that is so for too long."""
        self._check()
        if self.clock() - self._heard > self.patience_s:
            raise error if isinstance(error, OrchestratorError) else silent(self.url, error) from error

    def pause_s(self) -> float:
        """How long to wait before the next try."""
        return max(0.0, self._left(self._pause_s))

    def _left(self, most: float) -> float:
        return most if self._until is None else min(most, self._until - self.clock())

    def _check(self) -> None:
        if self._until is not None and self.clock() >= self._until:
            raise TimeoutError("the job has not ended in time")

    @abstractmethod
    def _told(self, event: Event) -> Document | None:
        """The event as its JSON, None where it is to be passed over."""

    def _put_off(self) -> bool:
        """Whether something else can be asked until there is a stream."""
        return False

    def _has_none(self, answer: httpx.Response) -> None:
        """There is no stream at all."""
        if answer.status_code < 300:
            raise Unreachable(f"no stream of events gets through from {self.url}")
        raise refusal(answer)


@dataclass(slots=True, kw_only=True)
class JobListening(Listening):
    """A job's events, to its end. While none come, the job itself is asked for."""

    job: Ask[Job]
    _asks: bool = False
    _shown: Document | None = None

    def instead(self) -> Ask[Job] | None:
        """The job, once for each try of a stream that is put off."""
        asks, self._asks = self._asks, not self.streams
        return self.job if asks else None

    def asked(self, answer: httpx.Response) -> Document | None:
        """The job as an event."""
        job: Document = json.loads(answer.content)
        event = {"seq": 0, **{name: job[name] for name in _PARTS}}
        self._heard, self.over = self.clock(), job["state"] in ENDS
        if not self.over:
            self._check()
        if event == self._shown:
            return None
        self._shown = event
        return event

    def _told(self, event: Event) -> Document:
        told: Document = json.loads(event.data)
        self.over = told["state"] in ENDS
        return told

    def _put_off(self) -> bool:
        self._asks = True
        return True

    def _has_none(self, answer: httpx.Response) -> None:
        if 300 <= answer.status_code < 500:
            raise refusal(answer)
        self.streams, self._asks, self._pause_s = False, True, POLL_S


def of_job(
    url: str,
    job_id: int,
    after: int | None,
    patience_s: float,
    timeout_s: float | None,
    clock: Callable[[], float] = time.monotonic,
) -> JobListening:
    """Where the events of a job are, behind the one with this ``seq``."""
    job = get(f"/jobs/{job_id}", Job)
    return JobListening(
        url=url,
        path=f"{job.path}/events",
        job=job,
        after=None if after is None else str(after),
        patience_s=patience_s,
        timeout_s=timeout_s,
        clock=clock,
    )


@dataclass(slots=True, kw_only=True)
class AllListening(Listening):
    """What happens to all jobs: endless, each once, or RESET in place of what was missed."""

    path: str = "/events"
    _seen: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    """What came since the last id: it comes again to who goes on there."""
    _since: str | None = None

    def _told(self, event: Event) -> Document | None:
        if event.name == "reset":
            return RESET
        told: Document = json.loads(event.data)
        place = (told["job"], told["seq"])
        is_new = place not in self._seen
        if self.after == self._since:
            self._seen.add(place)
        else:
            self._seen, self._since = set(), self.after
        return told if is_new else None


class Heard(Happened):
    """What has happened to a job, and what to give ``all_events`` as ``after`` to go on behind it.

    Who does may hear some again that came just before, and knows them by ``job`` and ``seq``.
    """

    after: str | None


class Reset(BaseModel):
    """Stands for what was missed: look at the lists again, and go on."""

    after: str | None


def heard(event: Document, after: str | None) -> Heard | Reset:
    """An event of all jobs as its model."""
    if event == RESET:
        return Reset(after=after)
    return Heard.model_validate({**event, "after": after})


def wanted(filters: Mapping[str, object]) -> dict[str, Any]:
    """Filters as the API takes them."""
    return {name: value for name, value in filters.items() if value}
