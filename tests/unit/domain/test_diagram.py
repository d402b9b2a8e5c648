"""The pictures in the documentation are those of the tables."""

from pathlib import Path

import pytest

from orchestrator.domain import diagram
from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.domain.discovery import DISCOVERY
from orchestrator.domain.edit_job import EDIT_JOB
from orchestrator.domain.task import TASK, TaskEvent, TaskState

LIFECYCLES = Path(__file__).parents[3] / "docs" / "lifecycles.md"


def test_the_documentation_shows_the_tables() -> None:
    text = LIFECYCLES.read_text(encoding="utf-8")
    assert diagram.redraw(text) == text, "python -m orchestrator.domain.diagram --write docs/lifecycles.md"
    for name in diagram.DIAGRAMS:
        assert text.count(f"<!-- diagram: {name} -->") == 1


@pytest.mark.parametrize("machine", [BATCH_JOB, DISCOVERY, TASK, EDIT_JOB], ids=lambda machine: machine.name)
def test_the_documentation_explains_every_state(machine: diagram.Machine[TaskState, TaskEvent]) -> None:
    prose = diagram._BLOCK.sub("", LIFECYCLES.read_text(encoding="utf-8"))  # pyright: ignore[reportPrivateUsage]
    assert [state for state in machine.states if f"`{state}`" not in prose] == []


def test_a_diagram_has_every_edge_once() -> None:
    lines = [line.strip() for line in diagram.mermaid(TASK).splitlines()]
    assert lines[:2] == ["stateDiagram-v2", "[*] --> Pending: Discovered"]
    drawn: list[tuple[str, str, str]] = []
    for line in lines[2 : -len(TASK.terminal)]:
        arrow, _, events = line.partition(": ")
        source, _, target = arrow.partition(" --> ")
        drawn += [(source, event, target) for event in events.split(", ")]
    assert sorted(drawn) == sorted((str(source), str(event), str(to)) for (source, event), to in TASK.edges.items())
    assert len(lines) == len({line.partition(":")[0] for line in lines}), "two arrows between the same states"
    assert sorted(lines[-len(TASK.terminal) :]) == sorted(f"{state} --> [*]" for state in TASK.terminal)


def test_only_what_stands_between_the_marks_is_rewritten(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("before\n<!-- diagram: task -->\nstale\n<!-- end of diagram -->\nafter\n")
    diagram.main(["--write", str(file)])
    text = file.read_text()
    assert text.startswith("before\n<!-- diagram: task -->\n```mermaid\nstateDiagram-v2\n")
    assert text.endswith("```\n<!-- end of diagram -->\nafter\n")
    assert "stale" not in text
    assert diagram.redraw(text) == text


@pytest.mark.parametrize(
    ("content", "reason"),
    [("<!-- diagram: nothing -->\n<!-- end of diagram -->", "'nothing'"), ("no marks", "no place for a diagram")],
)
def test_a_page_that_can_not_be_drawn_says_why(
    content: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "page.md"
    file.write_text(content)
    with pytest.raises(SystemExit):
        diagram.main(["--write", str(file)])
    assert reason in capsys.readouterr().err
    assert file.read_text() == content
