"""Submitting jobs: one that a request asks for, or one for each line of a body, as it comes in."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any, cast

from anyio import to_thread
from starlette.exceptions import HTTPException

from orchestrator.api.lines import LineCutter
from orchestrator.api.problems import response_to
from orchestrator.api.requires import Parts
from orchestrator.broker.wake import wake
from orchestrator.contracts import views
from orchestrator.contracts.document import read_json
from orchestrator.contracts.failpoints import failpoint
from orchestrator.domain.roles import Permission
from orchestrator.errors import TooLarge
from orchestrator.services.keys import Caller
from orchestrator.services.start_edit import start_edit
from orchestrator.services.start_group import start_group
from orchestrator.services.submit import submit
from orchestrator.storage.queries.jobs import read_job

MOST_LINES = 10_000
MOST_BYTES = 32 * 1024 * 1024
LONGEST_LINE = 1024 * 1024
SILENCE_S = 300.0
"""A body of which nothing comes for so long is ended."""
LONGEST_KEY = 180
"""Of a batch: the number of the line is added to it."""


def submitted(parts: Parts, who: Caller, request: object, key: str | None) -> tuple[views.Job, bool]:
    """Start what is asked for, in a transaction of its own: the job, and whether it is a new one."""
    who.must_reach(_said(request, "site"), _said(request, "workflow"))
    make = submit
    if _names(request, "task_group"):
        who.must(Permission.PLAN)
        make = start_group
    elif _names(request, "job_type"):
        who.must(Permission.PLAN)
        make = start_edit
    with parts.engine.begin() as tx:
        done = make(tx, request, who.user, key)
        job = read_job(tx, done.job_id, who.person)
        failpoint("api.submit.uncommitted")
    failpoint("api.submit.committed")
    return job, done.created


class Submitter:
    """Takes the pieces of a body whose lines are submissions; each line is answered as it would have been alone."""

    def __init__(self, parts: Parts, who: Caller, key: str | None) -> None:
        self._parts, self._who, self._key = parts, who, key
        self._cutter = LineCutter(LONGEST_LINE)
        self._line = self._bytes = 0
        self.over = False
        """No further line is looked at."""

    async def answers(self, body: AsyncIterator[bytes]) -> AsyncGenerator[str]:
        """An answer for each line, as JSON, before the next line is looked at."""
        try:
            while not self.over:
                async with asyncio.timeout(SILENCE_S):
                    piece = await anext(body, None)
                for line in self._cut(piece):
                    if answer := await to_thread.run_sync(self._submit, line):
                        yield answer
                await to_thread.run_sync(wake, self._parts.redis_url)
                if piece is None:
                    return
        except TimeoutError:
            yield self._refuse(self._line + 1, HTTPException(408, f"nothing came for {SILENCE_S:g} seconds"))
        except TooLarge as error:
            yield self._refuse(self._line + 1, error)

    def _cut(self, piece: bytes | None) -> Iterator[bytes]:
        """The lines that end in this piece, None being the end; TooLarge behind those that come before what is."""
        if piece is None:
            yield from self._cutter.last()
            return
        self._bytes += len(piece)
        for line in self._cutter.feed(piece):
            if self.over:
                return
            yield line
        if self._bytes > MOST_BYTES and not self.over:
            raise TooLarge(f"the lines are more than {MOST_BYTES} bytes together")

    def _submit(self, line: bytes) -> str | None:
        """Submit a line; its answer, None for one that is empty."""
        self._line += 1
        if not line.strip():
            return None
        if self._line > MOST_LINES:
            return self._refuse(self._line, TooLarge(f"more than {MOST_LINES} lines"))
        try:
            key = None if self._key is None else f"{self._key}:{self._line}"
            job, created = submitted(self._parts, self._who, read_json(line), key)
        except Exception as error:  # noqa: BLE001 - whatever it is: the line is answered as it would have been alone
            return self._refuse(self._line, error)
        return _told(views.Line(line=self._line, status=201 if created else 200, job_id=job.id, state=job.state))

    def _refuse(self, line: int, error: Exception) -> str:
        """Answer as the line would have been alone. When a part is away, the next ones would fare no better."""
        problem: dict[str, Any] = json.loads(bytes(response_to(error).body))
        self.over = isinstance(error, TooLarge) or problem["status"] >= 500
        named = {name: problem[name] for name in ("status", "title", "detail", "errors")}
        return _told(views.Line(line=line, **named))


def _told(line: views.Line) -> str:
    return line.model_dump_json(exclude_none=True) + "\n"


def _names(request: object, key: str) -> bool:
    return isinstance(request, dict) and key in request


def _said(request: object, key: str) -> object:
    """What it says of this, before it is checked; None when it does not."""
    return cast(dict[str, object], request).get(key) if isinstance(request, dict) else None
