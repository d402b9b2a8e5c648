"""Write answers: tables for people, JSON for programs; everything from elsewhere goes through ``text.safe``."""

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.cli.text import safe

_WIDE = 1000
"""Columns of a table that nobody sees on a terminal: what reads it wants whole words, not cut ones."""

STATE_STYLES = {
    "Success": "green",
    "Failure": "red",
    "Error": "red",
    "Broken": "red",
    "Cancelled": "yellow",
    "Paused": "yellow",
    "Started": "cyan",
    "Running": "cyan",
    "ok": "green",
    "warning": "yellow",
    "critical": "red",
}
"""How a state is coloured wherever it is a cell of its own."""


def console() -> Console:
    """Standard output, as wide as the terminal."""
    width = None if sys.stdout.isatty() else max(_WIDE, shutil.get_terminal_size().columns)
    return Console(width=width, highlight=False, markup=False, emoji=False)


def warn(message: str) -> None:
    """Something on standard error, for what is not the answer itself."""
    shown = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    for line in message.splitlines() or [""]:
        shown.print(safe(line))


def say(message: str = "", style: str | None = None) -> None:
    """One line on standard output; ``style`` colours all of it."""
    console().print(safe(message), style=style, soft_wrap=True)


def put_json(document: object) -> None:
    """One JSON document on one line (ASCII, so that no name in it can act on a terminal)."""
    sys.stdout.write(json.dumps(document, separators=(", ", ": ")) + "\n")
    sys.stdout.flush()


def put_json_lines(items: Iterable[object]) -> None:
    """A list as JSON lines, each written as soon as it is known."""
    for item in items:
        put_json(item)


def cell(value: object) -> Text:
    """A value as a cell of a table, safe and coloured where it is a state."""
    shown = "-" if value is None or value == "" else f"{value:,}" if type(value) is int else safe(str(value))
    return Text(shown, style=STATE_STYLES.get(shown, ""))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> Table:
    """A plain table; a column whose name ends in ``#`` is right-aligned, one that ends in ``~`` may wrap."""
    drawn = Table(
        title=Text(title) if title else None, title_justify="left", box=None, pad_edge=False, header_style="bold"
    )
    for column in columns:
        wraps = column.endswith("~")
        drawn.add_column(
            column.rstrip("#~"), justify="right" if column.endswith("#") else "left", no_wrap=not wraps, overflow="fold"
        )
    for row in rows:
        drawn.add_row(*(value if isinstance(value, Text) else cell(value) for value in row))
    return drawn


def put_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print a table, or the sentence ``empty`` in place of one without rows."""
    drawn = table(columns, rows)
    if drawn.row_count:
        console().print(drawn)
    else:
        warn(empty)


def put_facts(facts: Mapping[str, object]) -> None:
    """Print names and values, one pair a line; what is None is left out."""
    shown: list[tuple[Text, Any]] = [
        (Text(name, style="bold"), value) for name, value in facts.items() if value is not None
    ]
    drawn = table(["", "~"], shown)
    drawn.show_header = False
    console().print(drawn)
