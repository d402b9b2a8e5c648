"""What a handler is given beside its paths: where it says what became of each, and learns that it is to stop."""

import logging
import math
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, cast

from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.report import Said, TaskProgress
from workers.allowed import Allowed
from workers.command import OUTPUT_BYTES, Argument, Ran, run
from workers.legible import legible
from workers.limits import out_of_memory
from workers.path import Path
from workers.roots import Roots
from workers.task_log import TaskLog, action_logger

PROCESSED, SKIPPED, FAILED, ABORTED = "processed", "skipped", "failed", "aborted"
_BAD = frozenset({FAILED, ABORTED})


class Stopped(BaseException):
    """The job is being cancelled: leave now. No ``Exception``, so that no handler takes it for a failed path."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a path."""

    outcome: str
    message: str = ""
    error_class: str = ""
    goes_on: bool = False
    """Whether the path is given to the next step."""


DONE = Verdict(PROCESSED, goes_on=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about the task that runs."""

    job: int
    task: int
    step: int
    attempt: int
    action: str
    site: str
    queue: str = "default"
    node: str = ""
    params: Mapping[str, Any]


_PROGRESS_SECONDS = 1.0
"""From one word about how far a task is to the next."""
_MAX_NOTE = 200


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Says of which job and task each line is, and with ``path=`` of which path."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        facts = cast(Mapping[str, Any], self.extra)["facts"]
        kwargs["extra"] = {**(kwargs.get("extra") or {}), "plain": msg, "of_path": kwargs.pop("path", None)}
        return f"job {facts.job} step {facts.step} task {facts.task}: {msg}", kwargs


class Context:
    """One run of one task.

    Every path ends ``processed``, ``skipped``, ``failed`` or ``aborted``; one of which nothing is said is failed,
    "not reported". What is said last counts, but a path that failed stays failed.
    """

    def __init__(
        self,
        facts: Facts,
        paths: Iterable[Path],
        roots: Roots,
        asked_to_stop: Callable[[], bool],
        tell: Callable[[Said], None] = lambda _said: None,
        allowed: Allowed = Allowed(),  # noqa: B008 - it never changes
    ) -> None:
        self.facts, self.roots, self.allowed = facts, roots, allowed
        self._paths = {path.index: path for path in paths}
        self._verdicts: dict[int, Verdict] = {}
        self._asked_to_stop, self._tell = asked_to_stop, tell
        self.told_to_stop = False
        """Whether the handler has been told that it is to stop."""
        self._over = False
        self._at: Path | None = None
        self._log: TaskLog | None = None
        self._progress_due = 0.0

    # What a handler says about its paths.

    def each(self, paths: Iterable[Path]) -> Iterator[Path]:
        """The paths one after the other; raises Stopped between two when the job is being cancelled."""
        for path in paths:
            if self.told_to_stop or self._asked_to_stop():
                self.stop_if_cancelled()
            self._at = path
            yield path
        self._at = None

    def stop_if_cancelled(self) -> None:
        """Raise Stopped when the job is being cancelled; for within the work on one path that takes long.

        Also when the task is over, in a thread of the handler's that has outlived it.
        """
        if self._over or self.cancelled:
            raise Stopped

    @contextmanager
    def outcome(self, path: Path) -> Generator[Path, None, None]:
        """Around the work on one path: processed when it ends well, failed when an exception comes out.

        An outcome that is reported within the block counts instead.
        """
        before = self._verdicts.get(self._known(path))
        self._at = path
        try:
            yield path
        except Exception as error:  # noqa: BLE001 - this is the one place where an action's errors become outcomes
            self._say(path, Verdict(FAILED, reason_of(error, path), type(error).__name__))
        else:
            if self._verdicts.get(path.index) is before:
                self.done(path)

    def done(self, *paths: Path) -> None:
        """These were processed."""
        for path in paths:
            self._say(path, DONE)

    def skip(self, path: Path, why: str, *, go_on: bool = False) -> None:
        """There was nothing to do; the next step is given the path only with ``go_on``."""
        self._say(path, Verdict(SKIPPED, why, goes_on=go_on))

    def fail(self, path: Path, why: str, error_class: str = "") -> None:
        """It could not be processed; ``error_class`` groups failures of one kind."""
        self._say(path, Verdict(FAILED, why, error_class))

    def abort(self, path: Path, why: str) -> None:
        """It was gone, or out of date, before it could be handled."""
        self._say(path, Verdict(ABORTED, why))

    def rename(self, path: Path, new: str | bytes | os.PathLike[str]) -> None:
        """From here on the path has another name: the next step is given that one."""
        self._known(path)
        path.rename(new)

    def run(
        self,
        command: Sequence[Argument],
        *,
        timeout: float | None = None,
        check: bool = True,
        input: bytes = b"",
        cwd: Argument = "/",
        env: Mapping[str, str] | None = None,
        output_bytes: int = OUTPUT_BYTES,
    ) -> Ran:
        """Run another program: a list of arguments, never given to a shell; ``timeout`` in seconds.

        When the job is cancelled, when the time is over or that of the task is, it is asked to end, and after two
        seconds killed, with everything that it has started. ``env`` is set beside the worker's own variables (without
        its addresses and keys). The last ``output_bytes`` of each output are kept. CommandFailed for an exit code that
        is not 0 (unless ``check`` is false), CommandTimeout when the time is over, OSError when it can not begin.
        """
        return run(
            command,
            timeout=timeout,
            check=check,
            input=input,
            cwd=cwd,
            env=env,
            output_bytes=output_bytes,
            pause=self.stop_if_cancelled,
        )

    # What a handler says of itself.

    @cached_property
    def log(self) -> _Log:
        """A logger: its lines are kept with the task, and name the path that is worked on (or ``path=``)."""
        return _Log(action_logger(self.facts.action), {"facts": self.facts})

    def progress(self, share: float, note: str = "") -> None:
        """How far the work on one path that takes long has come: ``share`` from 0 to 1, shown with the task.

        Cheap enough to call often; about one word a second is sent. ValueError when ``share`` is no number.
        """
        if math.isnan(share):
            raise ValueError("share: not a number")
        now = time.monotonic()
        if now >= self._progress_due:
            self._progress_due = now + _PROGRESS_SECONDS
            path = None if self._at is None else self._at.raw
            said = legible(note, _MAX_NOTE)
            self._tell(TaskProgress(self.facts.task, self.facts.attempt, min(max(share, 0.0), 1.0), said, path))

    def hear(self, record: logging.LogRecord) -> None:
        """Take a record that was logged while this ran."""
        if self._log is None:
            self._log = TaskLog(self.facts.task, self.facts.attempt, self._tell)
        path = getattr(record, "of_path", None) or self._at
        self._log.add(record, path.raw if isinstance(path, Path) else None)

    def close(self) -> None:
        """It is over: send what is left of the log, and stop what goes on in threads all the same."""
        self._over = True
        if self._log is not None:
            self._log.close()

    # What a handler may ask.

    @property
    def cancelled(self) -> bool:
        """Whether the job is being cancelled; cheap enough to ask often."""
        self.told_to_stop = self.told_to_stop or self._asked_to_stop()
        return self.told_to_stop

    @property
    def idempotency_key(self) -> str:
        """The same at every attempt of this task, and at no other task."""
        return f"{self.facts.site}:{self.facts.job}:{self.facts.task}"

    @property
    def job(self) -> int:
        """The job's number."""
        return self.facts.job

    @property
    def task(self) -> int:
        """The task's number."""
        return self.facts.task

    @property
    def step(self) -> int:
        """The task's place in its chain, from 0."""
        return self.facts.step

    @property
    def attempt(self) -> int:
        """Grows each time the task is handed out."""
        return self.facts.attempt

    @property
    def site(self) -> str:
        """Where this runs."""
        return self.facts.site

    @property
    def params(self) -> Mapping[str, Any]:
        """The action's parameters as the job gave them."""
        return self.facts.params

    @property
    def at(self) -> int:
        """The path that is being worked on, by its place in the batch; -1 when nobody can tell."""
        return -1 if self._at is None or self._at.index in self._verdicts else self._at.index

    @property
    def verdicts(self) -> Mapping[int, Verdict]:
        """What has been said so far, by index in the batch."""
        return MappingProxyType(self._verdicts)

    def _known(self, path: Path) -> int:
        if self._paths.get(path.index) is not path:
            raise ValueError(f"{path!r} is not a path of this task")
        return path.index

    def _say(self, path: Path, verdict: Verdict) -> None:
        index = self._known(path)
        said = self._verdicts.get(index)
        if said is None or said.outcome not in _BAD or verdict.outcome in _BAD:
            self._verdicts[index] = verdict
        failpoint("worker.path_done")


def reason_of(error: BaseException, path: Path | None = None) -> str:
    """Why it failed, for a person who sees the path beside it."""
    if isinstance(error, OSError) and error.strerror:
        named = error.filename
        same = path is not None and isinstance(named, str | bytes) and os.fsencode(named) == path.raw
        return error.strerror if named is None or same else f"{error.strerror}: {os.fsdecode(named)}"
    if isinstance(error, MemoryError) and not error.args:
        return out_of_memory()
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - an exception that can not even be shown must not hide that there was one
        return type(error).__name__
