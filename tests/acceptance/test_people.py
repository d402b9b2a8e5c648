"""Work for people on a real stack: the worked example from its files, and a hub that is killed between the tools."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from orchestrator.stack.wait import wait_until
from tests.acceptance.whole_stack import Document, Whole, make_files

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("people")]
PLAY = Path(__file__).parents[2] / "examples" / "map_production" / "play.py"


def seconds(row: Document) -> float:
    begun, ended = (datetime.fromisoformat(row[name]) for name in ("started_at", "ended_at"))
    return (ended - begun).total_seconds()


def test_the_making_of_a_map_sheet(whole: Whole) -> None:
    folder = whole.folder("map")
    done = subprocess.run(
        [sys.executable, str(PLAY), str(folder)],
        env={**os.environ, "ORCHESTRATOR_HOME": str(whole.home)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    percents = [float(line.split(" %")[0]) for line in lines if " %  " in line]
    # By hand: collect 5, validate 2, publish 1; then correct 3 and validate_again 1 are inserted.
    by_hand = [0, 5 / 8, 5 / 12, 7 / 12, 10 / 12, 11 / 12, 12 / 12]
    assert percents == [round(100 * share, 2) for share in by_hand]
    group = int(next(line for line in lines if line.startswith("job ")).split()[1])
    rows = whole.http.get(f"/jobs/{group}/task-list").raise_for_status().json()["items"]
    assert [(row["order"], row["task"], row["code"], row["started_by"], row["ended_by"]) for row in rows] == [
        (1, "collect", 10, "ed", "ed"),
        (2, "validate", 10, "vera", "vera"),
        (3, "correct", 10, "ed", "ed"),
        (4, "validate_again", 10, "vera", "vera"),
        (5, "publish", 10, "hub", "hub"),
    ]
    assert all(row["duration_s"] == pytest.approx(seconds(row)) for row in rows)
    report = whole.http.get("/reports/durations", params={"parent": group}).raise_for_status().json()
    persons = {one["person"]: (one["count"], one["total_s"], one["median_s"]) for one in report["persons"]}
    took = [seconds(row) for row in rows]
    assert persons["ed"] == (2, pytest.approx(took[0] + took[2]), pytest.approx((took[0] + took[2]) / 2))
    assert persons["vera"] == (2, pytest.approx(took[1] + took[3]), pytest.approx((took[1] + took[3]) / 2))
    assert {stage["task"]: stage["total_s"] for stage in report["stages"]}["publish"] == pytest.approx(took[4])
    asked = {"parent": group, "format": "csv"}
    assert whole.http.get("/reports/durations", params=asked).text.startswith("task_group,task,person,count")
    picture = folder / "durations.svg"
    whole.cli("group", "report", "--job", str(group), "--plot", str(picture))
    assert picture.stat().st_size
    job = whole.job(group)
    assert (job["state"], job["extent"]["type"], job["attributes"]) == ("Success", "Polygon", {"scale": 50_000})
    published = [path.name for path in (folder / "published").rglob("*.csv")]
    assert sorted(published) == ["rivers.csv", "roads.csv"]
    events = [entry["event"] for entry in whole.items(f"/jobs/{group}/history")]
    assert [event for event in events if event != "SetNextTask"] == [
        "Submitted", "SetTaskList", "CreateJobForTask", "TaskStarted", "CreateJobForTask", "InsertTaskGroup",
        *["CreateJobForTask"] * 3, "AllSucceeded",
    ]  # fmt: skip
    assert "InsertTaskGroup" in done.stdout
    assert "rework" in whole.cli("group", "tasks", str(group), "--json")


def kill_hub(whole: Whole) -> None:
    """End the hub as nothing else does; it comes back by itself."""
    killed = whole.pid("hub")
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert wait_until(lambda: whole.pid("hub") not in {None, killed}, 30), "it is not started again"


@pytest.mark.parametrize("advance", ["manual", "auto"])
def test_the_hub_is_killed_between_every_two_of_the_tools(whole: Whole, advance: str) -> None:
    files = make_files(whole.folder(), ["a.txt", "b.txt"])
    publish = whole.define({"name": "fs.checksum"})
    name, rework = f"killed_{advance}", f"rework_{advance}"
    run = {"workflow": publish, "site": "london", "paths": [str(files[0].parent)]}
    tasks = [{"name": "collect"}, {"name": "publish", **run}, {"name": "check"}, {"name": "never"}]
    for group, its in ((name, tasks), (rework, [{"name": "fix"}])):
        assert whole.http.post("/task-groups", json={"name": group, "tasks": its}).is_success
    job = whole.http.post("/jobs", json={"task_group": name, "advance": advance}).raise_for_status().json()["id"]

    def tool(path: str, of: int = job, **body: object) -> Document:
        kill_hub(whole)
        return whole.http.post(f"/jobs/{of}/{path}", json=body).raise_for_status().json()

    def rows() -> list[Document]:
        return whole.http.get(f"/jobs/{job}/task-list").raise_for_status().json()["items"]

    def begun() -> int:
        """The job of the next task: made by hand, or already there."""
        if advance == "manual":
            tool("next-task")
            made = [tool("task-job")["id"] for _ in range(2)]
            assert made[0] == made[1]
        return next(row["job_id"] for row in rows() if row["code"] in (2, 5))

    if advance == "manual":
        tool("task-list")
    collect = begun()
    tool("task-status", collect, status="WORKING")
    tool("insert-task-group", task_group=rework, at="end")
    tool("task-status", collect, status="COMPLETE", parent_id=job)
    begun()
    kill_hub(whole)
    assert wait_until(lambda: rows()[1]["code"] == 10, 60), rows()
    check = begun()
    tool("cancel-remaining-tasks")
    for status in ("WORKING", "COMPLETE"):
        tool("task-status", check, status=status)
    if advance == "manual":
        assert tool("next-task") == {"current_task": None}
    assert whole.job(job)["state"] == "Success"
    assert [(row["task"], row["code"]) for row in rows()] == [
        ("collect", 10), ("publish", 10), ("check", 10), ("never", 0), ("fix", 0),
    ]  # fmt: skip
    children = whole.items("/jobs", parent=job)
    assert len(children) == 3, "no child is made twice"
    runs = whole.items("/jobs", parent=rows()[1]["job_id"])
    assert [one["state"] for one in runs] == ["Success"], "and no run"
