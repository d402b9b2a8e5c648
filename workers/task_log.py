"""What is logged while a task runs goes to the hub with its reports: bounded, and nothing for a task that logs nothing.

Heard is what the handler logs, by ``ctx.log`` or by any logger of its own and of the libraries that it uses; what this
worker logs about itself is not. At a site ``print`` is heard too, since Celery makes log records of it.
"""

import logging
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Protocol

from orchestrator.contracts.report import LogLine
from workers.legible import legible

MOST_BYTES = 64 * 1024
"""Of one attempt of a task. Its first lines are sent as they come, and the last ones when it ends."""
_LAST_BYTES = MOST_BYTES // 4
MAX_LINE = 8000
_MAX_LOGGER = 200
_LINE_BYTES = 32
"""What a line takes beside its text."""
_NOT_THEIRS = frozenset({"workers", "orchestrator", "celery", "kombu", "billiard", "amqp", "redis"})
_ACTION, _PRINTED = "orchestrator.action.", "celery.redirected"


def action_logger(action: str) -> logging.Logger:
    """Where ``ctx.log`` logs."""
    return logging.getLogger(_ACTION + action)


class TaskLog:
    """The log of one attempt of a task."""

    def __init__(self, task: int, attempt: int, tell: Callable[[LogLine], None]) -> None:
        self._task, self._attempt, self._tell = task, attempt, tell
        self._room = MOST_BYTES - _LAST_BYTES
        self._last: deque[tuple[LogLine, int]] = deque()
        self._last_bytes = self._left_out = 0

    def add(self, record: logging.LogRecord, path: bytes | None) -> None:
        """Take a record, which is of this path or of the task as a whole."""
        printed = record.name == _PRINTED
        line = LogLine(
            self._task,
            self._attempt,
            record.created,
            logging.INFO if printed else record.levelno,
            legible(_message_of(record), MAX_LINE),
            path,
            "print" if printed else legible(record.name, _MAX_LOGGER),
        )
        size = len(line.message.encode()) + len(path or b"") + _LINE_BYTES
        if not self._last and size <= self._room:
            self._room -= size
            self._tell(line)
            return
        self._last.append((line, size))
        self._last_bytes += size
        while self._last_bytes > _LAST_BYTES and len(self._last) > 1:
            self._last_bytes -= self._last.popleft()[1]
            self._left_out += 1

    def close(self) -> None:
        """Send what has been kept for the end."""
        if self._left_out:
            text = f"{self._left_out} lines are left out here: a task's log has at most {MOST_BYTES // 1024} KiB"
            at = self._last[0][0].at
            self._tell(LogLine(self._task, self._attempt, at, logging.WARNING, text, None, "orchestrator"))
        while self._last:
            self._tell(self._last.popleft()[0])


class Hearer(Protocol):
    """Takes what is logged while it runs."""

    def hear(self, record: logging.LogRecord) -> None:
        """Take a record."""
        ...


_here: ContextVar[Hearer | None] = ContextVar("the task that runs here", default=None)
_all: list[Hearer] = []
"""Those that run in this process: one, or several in threads of their own."""


class _Ear(logging.Handler):
    """Hands on what is logged to the task that runs."""

    def filter(self, record: logging.LogRecord) -> bool:
        # Here, and not in `emit`: the reporter may log, too, and the handler's lock be held by one who waits for it.
        return bool(_all) and _is_theirs(record.name)

    def emit(self, record: logging.LogRecord) -> None:
        # A thread that a handler has started is of the only task there is, or of nobody knows which.
        if task := _here.get() or (_all[0] if len(_all) == 1 else None):
            with suppress(Exception):  # a record that can not even be shown is no reason to end a task
                task.hear(record)


_ear = _Ear(logging.INFO)


def listen() -> None:
    """Begin to listen in this process."""
    root = logging.getLogger()
    if _ear not in root.handlers:
        root.addHandler(_ear)


def stop_listening() -> None:
    """Listen no more in this process."""
    logging.getLogger().removeHandler(_ear)


def begin(task: Hearer) -> None:
    """From now on what is logged here is of this task."""
    _here.set(task)
    _all.append(task)


def end(task: Hearer) -> None:
    """It does not run any more."""
    _here.set(None)
    _all.remove(task)


def _is_theirs(name: str) -> bool:
    return name.partition(".")[0] not in _NOT_THEIRS or name.startswith(_ACTION) or name == _PRINTED


def _message_of(record: logging.LogRecord) -> str:
    """What was said, without what `ctx.log` puts before it for the worker's own log; with the traceback, if any."""
    plain = getattr(record, "plain", None)
    if plain is None:
        said = record.getMessage()
    else:
        said = str(plain) % record.args if record.args else str(plain)
    if record.exc_info and record.exc_info[0]:
        said += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
    return said
