"""Many jobs at once, and many paths: what goes in several requests."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import httpx

from orchestrator.client.ask import (
    NDJSON,
    RETRIES,
    Ask,
    Flow,
    Steps,
    as_model,
    new_key,
    path_input,
    patient,
    post,
    said,
)
from orchestrator.client.errors import Document, problem
from orchestrator.client.operation import Each, Several
from orchestrator.contracts import views
from orchestrator.errors import Refused

Deed = Literal["pause", "resume", "cancel", "redrive", "hold", "release"]
Given = str | bytes | Mapping[str, object]
"""A path, or an object with ``path`` or ``path_b64``, ``state``, ``size``."""

_SHOWN = 100
"""Of jobs that were skipped."""
_JOBS, _JOBS_BYTES = 500, 4 * 1024 * 1024
_PATHS, _PATHS_BYTES = 10_000, 1024 * 1024
"""Lines that are sent at once, and bytes."""
_LONGEST = 1024 * 1024
_WAIT_S = 2.0
"""How long a few paths wait for more to be sent with."""
_PATIENCE_S = 60.0
"""How long a service that does not answer is asked again."""


class Many:
    """What is done with many jobs, or many paths."""

    @Several
    def bulk(
        self, action: Deed, which: Mapping[str, object], *, dry_run: bool = False, **more: object
    ) -> Flow[views.BulkDone]:
        """Pause, resume, cancel, redrive, hold or release all jobs that a filter names, each by itself: how many.

        ``which`` are the filters of ``jobs`` (``state``, ``workflow``, ``site``, ``owner``, ``kind``: lists; ``id``,
        ``parent``, ``created_after``, ``created_before``), ``more`` what is said with it (``reason``, ``force``,
        ``until``, ``include``). With ``dry_run`` nothing is changed. A job that can not be changed is skipped, and
        ``skips`` says why; all of it may be repeated.
        """
        body = {"action": action, "filter": dict(which), "dry_run": dry_run} | said(**more)

        def steps() -> Steps:
            done = yield post("/jobs/bulk", views.BulkDone, body)
            while done["next_cursor"] is not None:
                more = yield post("/jobs/bulk", views.BulkDone, body | {"cursor": done["next_cursor"]})
                done = _together(done, more)
            return done

        return Flow(views.BulkDone, steps())

    @Each
    def submit_many(
        self, jobs: Iterable[Mapping[str, object]], *, idempotency_key: str | None = None
    ) -> Iterator[Ask[list[views.Line]]]:
        """Start many jobs, each a body of ``POST /jobs``: an answer for each, in their order, as they are sent.

        One that is refused stops no other: its answer has the ``status``, ``detail`` and ``errors`` that it would have
        had alone, and ``line`` is its place, from 1. They go some hundred at a time, and only as the answers are
        taken. Busy when a part of the service is away: the same jobs with the same key go on where that was.
        """
        return _batches(jobs, idempotency_key or new_key())

    @Several
    def add_paths(
        self, job_id: int, paths: Iterable[Given], *, offset: int | None = None, close: bool = False
    ) -> Flow[views.Streamed]:
        """Stream paths into a job whose discovery is ``stream``, however many: how many lines it has then.

        All are new, unless ``offset`` says which of the whole stream the first is (from 0): those that the job has
        already are left out, so that the same may be sent again after a break. ``close``: these were the last.
        """
        lines = (json.dumps(dict(one) if isinstance(one, Mapping) else path_input(one)).encode() for one in paths)
        return Flow(views.Streamed, _streamed(job_id, lines, offset, close=close))

    @Several
    def add_lines(
        self, job_id: int, lines: Iterable[bytes], *, offset: int | None = None, close: bool = False
    ) -> Flow[views.Streamed]:
        """The same with lines as the API takes them, without their ends."""
        return Flow(views.Streamed, _streamed(job_id, lines, offset, close=close))


def _together(done: Document, more: Document) -> Document:
    counts = {name: done[name] + more[name] for name in ("matched", "changed", "unchanged", "skipped", "made")}
    return done | counts | {"skips": [*done["skips"], *more["skips"]][:_SHOWN], "next_cursor": more["next_cursor"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Ask[list[views.Line]]):
    """Some jobs, a line each; its answer has a line for each."""

    before: int
    """So many lines were sent with the requests before."""

    def status(self, answer: httpx.Response) -> int:
        """That of the last line, where a part of the service was away by then: those behind it have no answer."""
        last = self._lines(answer)[-1:] if answer.status_code == 200 else []
        return last[0]["status"] if last and last[0]["status"] >= 500 else answer.status_code

    def plain(self, answer: httpx.Response) -> list[Document]:
        """The answers, each with its place among all; Busy when the service was away."""
        lines = self._lines(answer)
        if lines and lines[-1]["status"] >= 500:
            raise problem(lines[-1]["status"], lines[-1], lines[-1].get("title") or "")
        return [line | {"line": line["line"] + self.before} for line in lines]

    def read(self, answer: httpx.Response) -> list[views.Line]:
        """The same as models."""
        return as_model(list[views.Line], json.dumps(self.plain(answer)).encode(), f"{self.method} {self.path}")

    def _lines(self, answer: httpx.Response) -> list[Document]:
        return [json.loads(line) for line in answer.content.splitlines()]


def _batches(jobs: Iterable[Mapping[str, object]], key: str) -> Iterator[Batch]:
    before = 0
    for piece, n in _pieces(_encoded(jobs), _JOBS, _JOBS_BYTES):
        headers = {"Content-Type": NDJSON, "Idempotency-Key": f"{key}.{before}"}
        yield Batch(
            method="POST",
            path="/jobs/batch",
            answer=None,
            content=piece,
            headers=headers,
            retries=RETRIES,
            before=before,
        )
        before += n


def _encoded(jobs: Iterable[Mapping[str, object]]) -> Iterator[bytes]:
    for n, job in enumerate(jobs, 1):
        line = json.dumps(dict(job)).encode()
        if len(line) > _LONGEST:
            raise Refused(f"job {n} has more than {_LONGEST} bytes: stream its paths, or submit it by itself")
        yield line


def _streamed(job_id: int, lines: Iterable[bytes], offset: int | None, *, close: bool) -> Steps:
    def ask(piece: bytes, at: int, **params: object) -> Ask[views.Streamed]:
        there = post(f"/jobs/{job_id}/paths", views.Streamed)
        there = replace(there, content=piece, params={"offset": at, **params}, headers={"Content-Type": NDJSON})
        return patient(there, _PATIENCE_S)

    answer = yield ask(b"", 0)
    at: int = answer["lines"] if offset is None else offset
    for piece, n in _pieces(lines, _PATHS, _PATHS_BYTES, _WAIT_S):
        if at + n > answer["lines"]:
            answer = yield ask(piece, at)
        at += n
    return (yield ask(b"", at, close="true")) if close else answer


def _pieces(
    lines: Iterable[bytes], most: int, most_bytes: int, wait_s: float | None = None
) -> Iterator[tuple[bytes, int]]:
    """Some lines at once, and how many; what has waited so long goes with the next that comes."""
    some: list[bytes] = []
    size, since = 0, time.monotonic()
    for line in lines:
        some.append(line)
        size += len(line)
        waited = wait_s is not None and time.monotonic() - since > wait_s
        if len(some) >= most or size >= most_bytes or waited:
            yield b"\n".join(some) + b"\n", len(some)
            some, size, since = [], 0, time.monotonic()
    if some:
        yield b"\n".join(some) + b"\n", len(some)
