"""How long tasks took, drawn."""

from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.plot import FORMATS, draw_durations


def stage(task: str, **by_person: float) -> dict[str, Any]:
    times = list(by_person.values())
    return {"task_group": "sheet", "task": task, "count": len(times), "median_s": times[0], "total_s": sum(times)} | {
        "by_person": by_person
    }


@pytest.mark.parametrize("ending", FORMATS)
def test_it_is_drawn_in_each_form(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"report{ending}"
    draw_durations({"stages": [stage("collect", ed=7200.0, _vera=1800.0), stage("$x_{", ed=60.0)]}, file)
    begins = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[ending]
    assert file.read_bytes().startswith(begins)


def test_what_is_not_complete_makes_an_empty_picture(tmp_path: Path) -> None:
    draw_durations({"stages": []}, tmp_path / "none.svg")
    assert "Time that tasks took" in (tmp_path / "none.svg").read_text()


def test_a_name_is_no_formula_and_can_not_act_on_anything(tmp_path: Path) -> None:
    file = tmp_path / "odd.svg"
    draw_durations({"stages": [stage("a$b$c\x1b[31m", **{"<script>": 5.0})]}, file)
    drawn = file.read_text()
    assert "a$b$c" in drawn
    assert "\x1b" not in drawn
    assert "<script>" not in drawn.replace("<!-- <script> -->", "")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        draw_durations({"stages": []}, tmp_path / "nowhere" / "report.svg")
