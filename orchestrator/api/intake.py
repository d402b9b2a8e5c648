"""One request that streams paths into a job: its lines, read, and kept some thousands at a time."""

import time
from collections.abc import Sequence

from orchestrator.api.requires import Parts
from orchestrator.broker.wake import wake
from orchestrator.contracts import views
from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.path_line import BadLine, PathLine, read_line
from orchestrator.errors import Fault, Invalid, Unreachable
from orchestrator.services.keys import Caller
from orchestrator.services.sort import Rules
from orchestrator.services.take_paths import Stream, close, look, rules_of, take

MOST_LINES = 5_000
MOST_BYTES = 1024 * 1024
"""In one transaction."""
_LOOK_S = 0.5
PATIENCE_S = 60.0
"""How long a job that has too much to do is waited for."""


class Intake:
    """Not for several threads at once. ``offset`` is the number of its first line, None to add at the end."""

    def __init__(self, parts: Parts, job: int, offset: int | None, *, repeats: bool) -> None:
        self._parts, self._job, self._next = parts, job, offset
        self._repeats = repeats and offset is not None
        self._rules: Rules[PathLine] | None = None
        self._stream: Stream | None = None
        self._lines: list[bytes] = []
        self._bytes = 0
        self._read = 0
        """Lines of this request that are kept."""

    def begin(self, who: Caller) -> None:
        """See whether the job takes paths, and theirs: NotFound, Conflict, Forbidden."""
        with self._parts.engine.begin() as tx:
            self._stream = look(tx, self._job, repeated=self._repeats)
            who.must_reach(self._stream.site, self._stream.workflow)
            self._rules = rules_of(tx, self._job)

    def add(self, lines: Sequence[bytes]) -> None:
        """Take lines in."""
        self._lines += lines
        self._bytes += sum(map(len, lines))

    @property
    def waiting(self) -> bool:
        """Whether there are lines that are not kept."""
        return bool(self._lines)

    @property
    def enough(self) -> bool:
        """Whether they make a transaction."""
        return len(self._lines) >= MOST_LINES or self._bytes >= MOST_BYTES

    def keep(self) -> None:
        """Keep what has been taken in, in as many transactions as it takes; Invalid for a line that is no path."""
        while self._lines:
            some, self._lines = self._lines[:MOST_LINES], self._lines[MOST_LINES:]
            self._keep(some)
        self._bytes = 0

    def _keep(self, some: Sequence[bytes]) -> None:
        paths, bad = _parsed(some)
        if paths:
            self._await_room()
            self._write(paths)
        if bad is not None:
            self._lines = []
            number = self._read + 1
            kept = self._stream.lines if self._stream else 0
            detail = f"line {number} is no path; {kept} lines of the stream are kept: go on with offset={kept}"
            raise Invalid(detail, [Fault(f"line {number}", str(bad))])

    def _write(self, paths: Sequence[PathLine | None]) -> None:
        assert self._rules is not None  # noqa: S101 - it has begun
        with self._parts.engine.begin() as tx:
            self._stream = take(tx, self._job, paths, self._next, self._rules)
            failpoint("api.stream.uncommitted")
        failpoint("api.stream.committed")
        self._read += len(paths)
        if self._next is not None:
            self._next += len(paths)
        wake(self._parts.redis_url)

    def _await_room(self) -> None:
        """Wait while the job has too much to do; its sender waits too, since nothing more is read meanwhile."""
        deadline = time.monotonic() + PATIENCE_S
        while self._stream is not None and self._stream.full:
            if time.monotonic() > deadline:
                raise Unreachable(f"job {self._job} has too much to do to take more paths now")
            time.sleep(_LOOK_S)
            with self._parts.engine.begin() as tx:
                self._stream = look(tx, self._job, repeated=self._repeats)

    def end(self, closing: bool) -> views.Streamed:
        """What to answer; ``closing``: there will be no more lines."""
        if closing:
            with self._parts.engine.begin() as tx:
                self._stream = close(tx, self._job)
            wake(self._parts.redis_url)
        assert self._stream is not None  # noqa: S101 - it has begun
        return views.Streamed(job_id=self._job, lines=self._stream.lines, closed=self._stream.closed)


def _parsed(lines: Sequence[bytes]) -> tuple[list[PathLine | None], BadLine | None]:
    """The paths before the first line that is none, and what is wrong with that."""
    paths: list[PathLine | None] = []
    for line in lines:
        try:
            paths.append(read_line(line) if line.strip() else None)
        except BadLine as bad:
            return paths, bad
    return paths, None
