"""How long tasks took, as a picture; drawn by matplotlib, which comes with ``orchestrator[plot]``."""
# Its own types leave keyword arguments open.
# pyright: reportUnknownMemberType=false

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.cli.text import safe

FORMATS = (".png", ".svg", ".pdf")
"""Endings of the files that a report is drawn into."""

_HOUR_S = 3600
_UNITS = ((86_400, "days"), (_HOUR_S, "hours"), (60, "minutes"), (1, "seconds"))
_LINE_INCHES = 0.4


class NoPlotter(Exception):
    """Matplotlib is not installed."""


def draw_durations(report: Mapping[str, Any], file: Path) -> None:
    """Draw each stage as a bar, made up of its persons' times, with its median as a mark; OSError as of any file."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - optional, and slow to come
    except ImportError:
        raise NoPlotter from None
    stages: Sequence[Mapping[str, Any]] = report["stages"]
    second, unit = _unit(max((stage["total_s"] for stage in stages), default=0))
    names = [f"{safe(stage['task'])} ({stage['count']})" for stage in stages]
    figure = Figure(figsize=(9, 1.6 + _LINE_INCHES * len(stages)), layout="constrained")
    axes = figure.add_subplot()
    left = [0.0] * len(stages)
    for person in sorted({person for stage in stages for person in stage["by_person"]}):
        times = [stage["by_person"].get(person, 0.0) / second for stage in stages]
        axes.barh(range(len(stages)), times, left=left, height=0.6, label=_unread(safe(person)))
        left = [before + time for before, time in zip(left, times, strict=True)]
    medians = [stage["median_s"] / second for stage in stages]
    axes.plot(medians, range(len(stages)), "k|", markersize=14, label="median of one task")
    axes.set_yticks(range(len(stages)), [_unread(name) for name in names])
    axes.invert_yaxis()
    axes.set(title="Time that tasks took, by stage and person", xlabel=unit, xlim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.25)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(file, dpi=150)


def _unit(longest_s: float) -> tuple[int, str]:
    """The largest unit of which the longest is at least two."""
    return next((one for one in _UNITS if longest_s >= 2 * one[0]), _UNITS[-1])


def _unread(name: str) -> str:
    """A name as it is: neither a formula, nor hidden for its underscore."""
    plain = name.replace("$", r"\$")
    return f"\u200b{plain}" if plain.startswith("_") else plain
