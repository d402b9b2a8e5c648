import io
from typing import Any

from rich.console import Console

from orchestrator.cli.bars import Bars, line
from orchestrator.cli.summary import outcomes_table, steps_table, took


def job(**changes: Any) -> dict[str, Any]:
    counts = {"Pending": 3, "Started": 2, "Success": 4, "Error": 1, "Failure": 0, "Skipped": 0, "Cancelled": 0}
    fresh = {state: 10 if state == "Pending" else 0 for state in counts}
    return {
        "id": 7,
        "workflow": "verify\x1b[2J",
        "state": "Started",
        "reason": None,
        "created_at": "2026-01-01T00:00:00Z",
        "ended_at": None,
        "discovery": {"state": "Running", "found": 1234},
        "paths": {
            "total": 1200, "processed": 400, "skipped": 0, "failed": 2, "aborted": 0, "cancelled": 0, "unmatched": 34,
        },
        "steps": [
            {"step": 0, "action": "fs.checksum", "site": "london", **counts},
            {"step": 1, "action": "noop", "site": "paris", **fresh},
        ],
        "progress": {"done": 402, "total": 1200, "total_is_final": False},
        **changes,
    }  # fmt: skip


def drawn(renderable: Any) -> str:
    console = Console(file=io.StringIO(), width=160, color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_picture_says_what_was_found_and_how_far_each_step_is() -> None:
    bars = Bars()
    bars.update(job())
    shown = drawn(bars)
    assert r"job 7 verify\x1b[2J: Started, found 1,234 (discovery goes on), 34 took no rule" in shown
    assert "402 of 1,200+" in shown
    assert "0 fs.checksum @london" in shown
    assert "5 of 10 tasks, 2 running, 1 failed" in shown
    assert "1 noop @paris" in shown
    assert "0 of 10 tasks" in shown
    assert "\x1b" not in shown


def test_the_picture_follows_the_job() -> None:
    bars = Bars()
    bars.update(job())
    bars.update(
        job(
            state="Success",
            discovery={"state": "Closed", "found": 1234},
            progress={
                "done": 1200,
                "total": 1200,
                "total_is_final": True,
                "percent": 100,
                "rate_per_s": 0,
                "eta": None,
            },
        )
    )
    shown = drawn(bars)
    assert "Success, found 1,234 (that is all)" in shown
    assert "1,200 of 1,200" in shown
    assert "1,200+" not in shown


def test_without_a_terminal_it_is_one_line() -> None:
    assert line(job()) == (
        "job 7 Started; found 1,234 (discovery goes on), 34 took no rule; 402/1200 paths; "
        "0 fs.checksum @london: 5/10 2 running 1 failed; 1 noop @paris: 0/10"
    )


def test_a_job_that_found_nothing_can_be_drawn() -> None:
    empty = job(steps=[], discovery={"state": "Waiting", "found": 0})
    empty["progress"] = {
        "done": 0,
        "total": 0,
        "total_is_final": False,
        "percent": None,
        "rate_per_s": None,
        "eta": None,
    }
    bars = Bars()
    bars.update(empty)
    assert "discovery has not begun" in drawn(bars)


def test_the_tables_count_tasks_by_state_and_paths_by_outcome() -> None:
    steps = drawn(steps_table(job())).splitlines()
    assert steps[0].split() == [
        "step",
        "tasks",
        "Pending",
        "Started",
        "Success",
        "Error",
        "Failure",
        "Skipped",
        "Cancelled",
    ]
    assert steps[1].split() == ["0", "fs.checksum", "@london", "10", "3", "2", "4", "1", "-", "-", "-"]
    outcomes = drawn(outcomes_table(job())).splitlines()
    assert outcomes[0].split() == ["paths", "processed", "skipped", "failed", "aborted", "cancelled", "unmatched"]
    assert outcomes[1].split() == ["1,200", "400", "0", "2", "0", "0", "34"]


def test_how_long_it_took_is_known_once_it_has_ended() -> None:
    assert took(job()) is None
    assert took(job(ended_at="2026-01-01T00:03:05Z")) == "3m 05s"
