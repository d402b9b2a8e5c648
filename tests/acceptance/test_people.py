"""Work for people on a real stack: the worked example from its files."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from tests.acceptance.whole_stack import Document, Whole

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("whole")]
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
