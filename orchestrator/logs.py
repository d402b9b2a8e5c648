"""Logs: a line of JSON for each thing that is told, or text for a terminal, on standard error. No secret is in either.

What a line is about (job, task, attempt, site ...) is said with the call (``extra={"job": 12}``), for a block
(``about``), or, as the site of a worker, for the whole process.
"""

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum

FIELDS = ("site", "node", "job", "task", "attempt", "step", "action", "walk", "request")
"""What a line may be about, in this order."""
VARIABLE = "ORCHESTRATOR_LOG_FORMAT"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

_HIDDEN = "***"
_SECRETS = (
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@'\"]*@"), rf"\1{_HIDDEN}@"),
    (re.compile(r"\btq_[A-Za-z0-9]{4,}_[A-Za-z0-9_-]+"), f"tq_{_HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {_HIDDEN}"),
    (
        re.compile(r"(?i)\b(password|passwd|secret|api_?key|token)(['\"]?\s*[=:]\s*)(['\"]?)[^\s'\",;&]+"),
        rf"\1\2\3{_HIDDEN}",
    ),
)
"""Credentials in addresses, keys of the API, and what is said to be a secret."""


class LogFormat(StrEnum):
    """How lines are written."""

    AUTO = "auto"  # text on a terminal, JSON elsewhere
    JSON = "json"
    TEXT = "text"

    def chosen(self) -> "LogFormat":
        """Which of the two it is here."""
        if self is not LogFormat.AUTO:
            return self
        return LogFormat.TEXT if sys.stderr.isatty() else LogFormat.JSON


_about: ContextVar[Mapping[str, object]] = ContextVar("what is being done", default={})  # noqa: B039 - never changed


@contextmanager
def about(**fields: object) -> Generator[None]:
    """What is logged within, in this thread or task of asyncio, is about this."""
    before = _about.set({**_about.get(), **fields})
    try:
        yield
    finally:
        _about.reset(before)


def hide(text: str) -> str:
    """The text without what looks like a secret."""
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    return text


class _Lines(logging.Formatter):
    """What both kinds of lines share: what is told, and what about."""

    def __init__(self, always: Mapping[str, object]) -> None:
        super().__init__()
        self._always = always

    def facts(self, record: logging.LogRecord) -> dict[str, object]:
        """What the record is about."""
        own = {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        known = {**self._always, **_about.get(), **own}
        return {name: known[name] for name in FIELDS if known.get(name) is not None}

    def trace(self, record: logging.LogRecord) -> str | None:
        """The traceback, if there is one."""
        if record.exc_info and record.exc_info[0]:
            return hide(self.formatException(record.exc_info))
        return None


class JsonLines(_Lines):
    """``{"time", "level", "logger", "message"}``, what it is about, and ``error`` with a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": hide(record.getMessage()),
            **self.facts(record),
        }
        if (trace := self.trace(record)) is not None:
            line["error"] = trace
        return json.dumps(line, default=str)


class TextLines(_Lines):
    """For people: time, level, logger, message, and in brackets what it is about."""

    def format(self, record: logging.LogRecord) -> str:
        """A line, and the traceback below it."""
        at = datetime.fromtimestamp(record.created).astimezone().isoformat(" ", "milliseconds")
        facts = " ".join(f"{name}={value}" for name, value in self.facts(record).items())
        line = f"{at[:23]} {record.levelname} {record.name}: {hide(record.getMessage())}"
        return "\n".join(part for part in (f"{line} [{facts}]" if facts else line, self.trace(record)) if part)


def formatter(how: LogFormat, **always: object) -> logging.Formatter:
    """What writes lines; ``always`` is what all of them are about."""
    return JsonLines(always) if how.chosen() is LogFormat.JSON else TextLines(always)


def set_up_logs(lines: logging.Formatter, level: str = "INFO") -> None:
    """Log from here on to standard error, warnings of Python too."""
    handler = logging.StreamHandler()
    handler.setFormatter(lines)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


def add_log_options(parser: argparse.ArgumentParser) -> None:
    """``--log-format``, which the environment may say too, and ``--log-level``."""
    said = os.environ.get(VARIABLE) or LogFormat.AUTO
    parser.add_argument(
        "--log-format",
        type=LogFormat,
        choices=list(LogFormat),
        default=LogFormat(said) if said in list(LogFormat) else LogFormat.AUTO,
        help=f"auto: text on a terminal, JSON elsewhere (default: {VARIABLE}, or auto)",
    )
    parser.add_argument("--log-level", default="INFO", choices=LEVELS, help="(default: %(default)s)")


def set_up_logs_as_said(program: str, description: str) -> None:
    """The same for a program that takes no other options."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    add_log_options(parser)
    options = parser.parse_args()
    set_up_logs(formatter(options.log_format), options.log_level)
