"""The state diagrams of the documentation, drawn from the tables.

``python -m orchestrator.domain.diagram --write FILE`` draws those of a file anew.

A diagram stands between ``<!-- diagram: NAME -->`` and ``<!-- end of diagram -->``; all else in the file is left alone.
"""

import argparse
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.domain.discovery import DISCOVERY
from orchestrator.domain.edit_job import EDIT_JOB, REVIEW_JOB, REWORK_JOB
from orchestrator.domain.machine import Machine
from orchestrator.domain.task import TASK
from orchestrator.domain.task_group import GROUP_JOB, TASK_JOB

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)

_BLOCK = re.compile(r"(<!-- diagram: (?P<name>[^>]*?) -->\n).*?(<!-- end of diagram -->)", re.DOTALL)


def mermaid(machine: Machine[S, E]) -> str:
    """A Mermaid state diagram: one arrow for two states that follow each other, with the events that lead there."""
    arrows: dict[tuple[S, S], list[E]] = {}
    for (source, event), target in machine.edges.items():
        arrows.setdefault((source, target), []).append(event)
    lines = ["stateDiagram-v2", *(f"[*] --> {first}: {event}" for event, first in machine.starts)]
    lines += [f"{source} --> {target}: {', '.join(events)}" for (source, target), events in arrows.items()]
    lines += [f"{state} --> [*]" for state in machine.states if state in machine.ends]
    return "\n    ".join(lines) + "\n"


DIAGRAMS = {
    "batch job": mermaid(BATCH_JOB),
    "discovery": mermaid(DISCOVERY),
    "task": mermaid(TASK),
    "group job": mermaid(GROUP_JOB),
    "task job": mermaid(TASK_JOB),
    "edit job": mermaid(EDIT_JOB),
    "rework job": mermaid(REWORK_JOB),
    "review job": mermaid(REVIEW_JOB),
}
"""Every machine's diagram, by its name."""


def redraw(text: str) -> str:
    """The text with every diagram in it drawn anew; ValueError when it asks for one that there is not, or for none."""

    def draw(block: re.Match[str]) -> str:
        name = block["name"]
        if name not in DIAGRAMS:
            raise ValueError(f"no machine is called {name!r}; there are {', '.join(DIAGRAMS)}")
        return f"{block[1]}```mermaid\n{DIAGRAMS[name]}```\n{block[3]}"

    drawn, count = _BLOCK.subn(draw, text)
    if not count:
        raise ValueError("there is no place for a diagram: <!-- diagram: NAME --> and <!-- end of diagram -->")
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the diagrams, or draw those of a file anew."""
    parser = argparse.ArgumentParser(prog="python -m orchestrator.domain.diagram", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="draw the diagrams in this file anew")
    path: Path | None = parser.parse_args(arguments).write
    if path is None:
        print("\n".join(DIAGRAMS.values()), end="")
        return
    try:
        path.write_text(redraw(path.read_text(encoding="utf-8")), encoding="utf-8")
    except (OSError, ValueError) as error:
        parser.error(f"{path}: {error}")


if __name__ == "__main__":
    main()
