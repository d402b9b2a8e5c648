"""The results as a table in Markdown; ``python -m benchmarks.table results.json`` prints that of an earlier run.

A second argument is a page that it is written into instead, below its heading LAST.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Missing

LAST = "## The last run"
_BAR = r"\|"
_KEPT = {True: "kept", False: "**missed**", None: ""}


@dataclass(frozen=True, slots=True)
class Results:
    """Everything of one run."""

    machine: Mapping[str, str]
    command: str
    figures: Sequence[Figure]
    missing: Sequence[Missing]

    def json(self) -> str:
        """As it is kept in a file."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @staticmethod
    def read(file: Path) -> "Results":
        """From such a file."""
        told: dict[str, Any] = json.loads(file.read_text())
        figures = [Figure(**figure) for figure in told["figures"]]
        return Results(told["machine"], told["command"], figures, [Missing(**one) for one in told["missing"]])


def markdown(results: Results) -> str:
    """The machine, the command, a line a figure, and what could not be measured."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Results) -> Iterator[str]:
    yield f"`{results.command}`"
    yield ""
    yield " · ".join(f"{name}: {value}" for name, value in results.machine.items())
    yield ""
    yield "| workload | who | size | what | median | range | target | | peak PSS, MiB |"
    yield "|---|---|---|---|---:|---|---|---|---|"
    for one in results.figures:
        what = f"{one.what} ({one.note})" if one.note else one.what
        told = (one.workload, one.who, one.size, what, f"{_number(one.median)} {one.unit}", _range(one.values))
        cells = (*told, one.target, _KEPT[one.kept], _memory(one.memory))
        yield f"| {' | '.join(cell.replace('|', _BAR) for cell in cells)} |"
    if results.missing:
        yield ""
        yield "Not measured:"
        yield ""
        yield from (f"- {one.workload}, {one.who}: {one.reason}" for one in results.missing)


def _range(values: Sequence[float]) -> str:
    return f"{_number(min(values))} - {_number(max(values))} ({len(values)})" if len(values) > 1 else "(1)"


def _number(value: float) -> str:
    """Three digits, no more: the rest is noise."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _memory(memory: Mapping[str, float]) -> str:
    """The sum, then the parts that make most of it."""
    parts = sorted(((size, part) for part, size in memory.items() if part != "all"), reverse=True)
    if not parts:
        return ""
    return f"{memory.get('all', 0):.0f}: " + ", ".join(f"{part} {size:.0f}" for size, part in parts if size >= 1)


def write_into(page: Path, results: Results) -> None:
    """Replace what stands below the heading LAST, the last of the page; ValueError where there is no such heading."""
    before, heading, _ = page.read_text().partition(f"\n{LAST}\n")
    if not heading:
        raise ValueError(f"{page} has no heading {LAST!r}")
    page.write_text(f"{before}{heading}\n{markdown(results)}")


def main(file: str, page: str | None = None) -> None:
    """Print the table, or write it into a page."""
    results = Results.read(Path(file))
    if page is None:
        sys.stdout.write(markdown(results))
    else:
        write_into(Path(page), results)


if __name__ == "__main__":
    main(*sys.argv[1:])
