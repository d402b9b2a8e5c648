"""Keeping what tasks say of themselves while they run: it is shown, and nothing else comes of it.

What a site says of a task that is not its own is dropped. What an attempt says that is over is kept with its number.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from orchestrator.contracts.report import LogLine, Reports, Said, TaskProgress
from orchestrator.domain.chain import STEP_MASK
from orchestrator.storage import tables
from orchestrator.storage.arrays import array
from orchestrator.storage.copy import copy_in

MAX_LINE = 8000
MAX_WORD = 200
"""Of a logger's name, and of a note: longer ones are cut."""
_MAX_PATH = 64 * 1024


def keep_logs(tx: Connection, reports: Sequence[Reports]) -> None:
    """Keep the lines of logs, and how far tasks are, that are among the reports."""
    lines = [(report.site, line) for report in reports for line in report.log]
    progress = [(report.site, said) for report in reports for said in report.progress]
    if not lines and not progress:
        return
    known = _known(tx, {said.task for _, said in (*lines, *progress)})
    _write_lines(tx, [(line, row) for site, line in lines if (row := _theirs(known, site, line))])
    _write_progress(tx, [said for site, said in progress if _theirs(known, site, said)])


_KNOWN = text("""
    select t.id, t.job_id, t.attempt, s.site from tasks t
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    where t.id = any(cast(:ids as bigint[]))
""")


def _known(tx: Connection, tasks: Iterable[int]) -> dict[int, Row[Any]]:
    return {row.id: row for row in tx.execute(_KNOWN, {"ids": array(tasks), "mask": STEP_MASK})}


def _theirs(known: dict[int, Row[Any]], site: str, said: Said) -> Row[Any] | None:
    row = known.get(said.task)
    return row if row is not None and row.site == site and 0 < said.attempt <= row.attempt else None


_COLUMNS = ("job_id", "task_id", "attempt", "at", "level", "message", "path", "logger")


def _write_lines(tx: Connection, lines: Sequence[tuple[LogLine, Row[Any]]]) -> None:
    rows = [
        (
            row.job_id,
            line.task,
            line.attempt,
            _moment(line.at),
            min(max(line.level, 0), 100),
            _text(line.message, MAX_LINE),
            None if line.path is None else line.path[:_MAX_PATH],
            _text(line.logger, MAX_WORD),
        )
        for line, row in lines
    ]
    if rows:
        copy_in(tx, tables.task_logs, _COLUMNS, rows)


_PROGRESS = text("""
    insert into task_progress as p (task_id, attempt, share, note, path)
    values (:task, :attempt, :share, :note, :path)
    on conflict (task_id) do update set attempt = excluded.attempt, share = excluded.share, note = excluded.note,
      path = excluded.path, at = clock_timestamp()
    where p.attempt <= excluded.attempt
""")


def _write_progress(tx: Connection, progress: Iterable[TaskProgress]) -> None:
    newest = {said.task: said for said in progress}
    rows = [
        {
            "task": said.task,
            "attempt": said.attempt,
            "share": min(max(said.share, 0.0), 1.0),
            "note": _text(said.note, MAX_WORD),
            "path": None if said.path is None else said.path[:_MAX_PATH],
        }
        for said in newest.values()
    ]
    if rows:
        tx.execute(_PROGRESS, rows)


def _moment(at: float) -> datetime:
    """By the worker's clock; by ours where that is none."""
    try:
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(time.time(), UTC)


def _text(said: str, most: int) -> str:
    """PostgreSQL's text has no NUL."""
    return said[:most].replace("\0", "\N{REPLACEMENT CHARACTER}")
