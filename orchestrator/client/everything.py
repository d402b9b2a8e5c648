"""Following all jobs: what happens to them, live, without a gap."""

import json
import time
from collections.abc import Iterator

import httpx

from orchestrator.client.errors import Document, refusal, silent
from orchestrator.client.events import SILENCE_S
from orchestrator.client.synchronous import Documents

_AGAIN_S = 0.5


class Everything(Documents):
    """The part of the client that follows all jobs."""

    def all_events(
        self, *, after: str | None = None, patience_s: float = 60.0, **filters: object
    ) -> Iterator[Document]:
        """What happens to jobs from now on, as the API's filters say (site, workflow, kind, owner, event); endless.

        A connection that breaks is opened again where it was, so that each event comes once. Who was away for too long
        is told ``{"event": "reset"}`` in place of what was missed. A service that is away longer raises Unreachable.
        """
        hearing = _Hearing(after)
        heard = time.monotonic()
        while True:
            try:
                for event in self._hear(hearing, filters):
                    heard = time.monotonic()
                    if event is not None:
                        yield event
            except httpx.TransportError as error:
                if time.monotonic() - heard > patience_s:
                    raise silent(self.url, error) from error
            time.sleep(_AGAIN_S)

    def _hear(self, hearing: "_Hearing", filters: Document) -> Iterator[Document | None]:
        """The events of one connection; None for a sign of life."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": hearing.last} if hearing.last else {})
        params = {name: value for name, value in filters.items() if value}
        with self.http.stream(
            "GET", "/events", params=params, headers=headers, timeout=httpx.Timeout(SILENCE_S, connect=5.0)
        ) as answer:
            if answer.status_code >= 300:
                answer.read()
                if answer.status_code in (502, 503, 504):
                    raise httpx.RemoteProtocolError(f"{answer.status_code} {answer.reason_phrase}")
                raise refusal(answer)
            for line in answer.iter_lines():
                yield hearing.take(line)


class _Hearing:
    """Takes a stream line by line, and knows where to go on."""

    def __init__(self, last: str | None) -> None:
        self.last = last
        self._seen: set[tuple[int, int]] = set()
        """What came since the last id: it comes again to who goes on there."""
        self._name, self._id, self._data = "", "", ""

    def take(self, line: str) -> Document | None:
        """The event that this line ends, unless it was heard before."""
        label, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match label:
            case "event":
                self._name = value
            case "id":
                self._id = value
            case "data":
                self._data = value
            case "" if not line:
                return self._end()
            case _:
                pass
        return None

    def _end(self) -> Document | None:
        name, id, data = self._name, self._id, self._data
        self._name = self._id = self._data = ""
        event: Document | None = {"event": "reset"} if name == "reset" else json.loads(data) if data else None
        if event is not None and name != "reset":
            place = (event["job"], event["seq"])
            event = None if place in self._seen else event
            self._seen.add(place)
        if id:
            self.last = id
            self._seen.clear()
        return event
