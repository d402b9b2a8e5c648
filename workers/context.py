"""What a handler is given beside its paths: where it says what became of each, and learns that it is to stop."""

import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from orchestrator.contracts.failpoints import failpoint
from workers.allowed import Allowed
from workers.path import Path
from workers.roots import Roots

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


_DONE = Verdict(PROCESSED, goes_on=True)


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


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Says of which job and task each line is."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        facts = cast(Mapping[str, Any], self.extra)["facts"]
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
        allowed: Allowed = Allowed(),  # noqa: B008 - it never changes
    ) -> None:
        self.facts, self.roots, self.allowed = facts, roots, allowed
        self._paths = {path.index: path for path in paths}
        self._verdicts: dict[int, Verdict] = {}
        self._asked_to_stop = asked_to_stop
        self.told_to_stop = False
        """Whether the handler has been told that it is to stop."""
        self._at: Path | None = None
        self.log = _Log(logging.getLogger(f"orchestrator.action.{facts.action}"), {"facts": facts})

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
        """Raise Stopped when the job is being cancelled; for within the work on one path that takes long."""
        if self.cancelled:
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
            self._say(path, _DONE)

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
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - an exception that can not even be shown must not hide that there was one
        return type(error).__name__
