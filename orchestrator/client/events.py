"""Live events as they come over the wire, and where a stream of them is; nothing here sends or waits."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import httpx

from orchestrator.client.errors import Document, refusal, silent
from orchestrator.domain.kinds import ENDS

SILENCE_S = 30.0
"""Of a stream of events: one that says nothing for longer is opened anew."""
AGAIN_S = 0.5
"""How long to wait before that."""
POLL_S = 1.0
"""How often a job is asked for where streams do not get through."""
PATIENCE_S = 60.0
"""How long a service may be away."""
_PARTS = ("state", "tasks", "paths", "progress")


class NoStream(Exception):
    """Events can not be streamed from here: a proxy holds them back."""


@dataclass(slots=True)
class EventLines:
    """Takes a stream in the format of server-sent events line by line; comments are skipped."""

    id: str | None = None
    """Of the last event that had one."""
    _data: list[str] = field(default_factory=list[str])

    def take(self, line: str) -> str | None:
        """The data of the event that ends with this line, None for none."""
        label, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if label == "id":
            self.id = value
        elif label == "data":
            self._data.append(value)
        elif not line and self._data:
            data, self._data = "\n".join(self._data), []
            return data
        return None


def parse_events(lines: Iterable[str]) -> Iterator[tuple[str | None, Document]]:
    """The events of a stream: each one's id and JSON."""
    taken = EventLines()
    for line in lines:
        if (data := taken.take(line)) is not None:
            yield taken.id, json.loads(data)


@dataclass(slots=True)
class Listening:
    """Where a stream of a job's events is: it goes on after the last that was heard, whatever breaks between."""

    url: str
    after: str | None = None
    """The id of that."""
    patience_s: float = PATIENCE_S
    until: float | None = None
    """When to give up (``time.monotonic``); TimeoutError then."""
    over: bool = False
    _heard: float = field(default_factory=time.monotonic)

    @property
    def headers(self) -> dict[str, str]:
        """What the stream is asked for with."""
        return {"Accept": "text/event-stream"} | ({"Last-Event-ID": self.after} if self.after else {})

    @property
    def timeout(self) -> httpx.Timeout:
        """How long it may be silent."""
        left = SILENCE_S if self.until is None else max(0.05, min(SILENCE_S, self.until - time.monotonic()))
        return httpx.Timeout(left, connect=5.0)

    def refused(self, answer: httpx.Response) -> bool:
        """Whether this is no stream because of what was asked; NoStream when none gets through."""
        if answer.status_code in (401, 403, 404):
            return True
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            raise NoStream
        return False

    def refusal(self, answer: httpx.Response) -> Exception:
        """The reason; its body has been read."""
        return refusal(answer)

    def hear(self, lines: EventLines, data: str) -> None:
        """An event has come."""
        self.after, self._heard = lines.id or self.after, time.monotonic()
        self.over = json.loads(data)["state"] in ENDS

    def check(self) -> None:
        """TimeoutError once the time is over."""
        if self.until is not None and time.monotonic() >= self.until:
            raise TimeoutError("the job has not ended in time")

    def broken(self, error: httpx.TransportError) -> None:
        """The connection is gone; Unreachable when that is so for too long."""
        self.check()
        if time.monotonic() - self._heard > self.patience_s:
            raise silent(self.url, error) from error

    def polled(self, job: Document, shown: str | None) -> str | None:
        """A job that was asked for as an event; None when that would be no news."""
        event = json.dumps({"seq": 0, **{name: job[name] for name in _PARTS}})
        self.over = job["state"] in ENDS
        self.check()
        return None if event == shown else event
