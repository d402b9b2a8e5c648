"""Hub and workers are killed at every step of an edit job: it goes on, and no step is begun twice."""

from pathlib import Path

import pytest

from orchestrator.stack.wait import wait_until
from tests.faults.edits import STEPS, Edit
from tests.faults.stack import SITE, Stack

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("faults")]
WALK = ("Allocated", "Activated", "Prepared", "Downloaded", "Uploaded", "Committed", "Published", "Completed")


def walks_through(edit: Edit, part: str) -> None:
    """Kill a part while each of the steps runs; the job goes on to its end."""
    edit.begin()
    for step in STEPS:
        if step == "extract":
            edit.fire("activate")
        elif step == "validate":
            assert wait_until(lambda: edit.seen()["state"] == "Prepared", 60), edit.seen()
            edit.fire("download")
            edit.fire("upload")
        assert wait_until(lambda step=step: edit.is_at(step), 60), (step, edit.seen())
        edit.stack.kill(part)
    assert wait_until(lambda: edit.seen()["state"] == "Completed", 90), edit.seen()
    assert [run["state"] for run in edit.runs()] == ["Success"] * len(STEPS), "each step is one job"
    history = edit.stack.whole.items(f"/jobs/{edit.job}/history")
    assert tuple(entry["to"] for entry in history if entry["to"]) == WALK
    assert not (edit.stack.whole.home / "workspaces" / str(edit.job)).exists()


@pytest.mark.quick
def test_the_hub_is_killed_at_every_step(stack: Stack, tmp_path: Path) -> None:
    edit = Edit(stack, tmp_path / "notes", seconds=1.5)
    walks_through(edit, "hub")
    assert edit.ran() == dict.fromkeys(STEPS, 1), "and nothing ran twice"


def test_the_worker_is_killed_at_every_step(stack: Stack, tmp_path: Path) -> None:
    edit = Edit(stack, tmp_path / "notes", seconds=3)
    walks_through(edit, f"{SITE}.worker")
    assert all(run["paths"]["processed"] == 1 for run in edit.runs()), "what ran again counts once"
