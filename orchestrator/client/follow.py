"""Following a job: its live events, and what is done where these do not get through."""

import json
import time
from collections.abc import Iterable, Iterator

import httpx

from orchestrator.client.ask import SILENCE, Document, refusal
from orchestrator.client.jobs import Jobs
from orchestrator.domain.kinds import ENDS


class Following(Jobs):
    """The part of the client that follows jobs."""

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
                    raise self.silent(error) from error
            time.sleep(0.5)

    def _stream(self, job_id: int, last: str | None) -> Iterator[tuple[str | None, Document]]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        with self.http.stream("GET", f"/jobs/{job_id}/events", headers=headers, timeout=SILENCE) as answer:
            if answer.status_code in (404, 401, 403):
                answer.read()
                raise refusal(answer)
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                raise _NoStream
            yield from parse_events(answer.iter_lines())

    def _poll(self, job_id: int) -> Iterator[Document]:
        shown: Document | None = None
        while True:
            job = self.repeatable(lambda: self.job(job_id))
            event = {"seq": None, **{name: job[name] for name in ("state", "tasks", "paths", "progress")}}
            if event != shown:
                shown = event
                yield event
            if job["state"] in ENDS:
                return
            time.sleep(1.0)


class _NoStream(Exception):
    """The events of a job can not be streamed from here."""


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
