"""Edit jobs on a real stack: the worked example, with a dataset as a merge by hand makes it, and a broken commit."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from examples.map_edits import geopackage, play
from orchestrator.client import ApiRefused, DocumentClient
from tests.acceptance.whole_stack import Whole

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("whole")]
Roads = dict[int, tuple[str, int, int | None]]

FULL = "create trigger full before insert on roads when new.id = 3 begin select raise(abort, 'disk full'); end"
WALKED = [
    "Proposed", "Allocated", "Activated", "Prepared", "Downloaded", "Uploaded", "Invalid", "Uploaded", "Quarantined",
    "Invalid", "Uploaded", "Quarantined", "Uploaded", "Conflicted", "Uploaded", "Committed", "Published", "Completed",
    "Archived",
]  # fmt: skip


def roads(dataset: Path) -> Roads:
    """Name, lanes, and the job that changed it last, of every road."""
    with geopackage.transaction(str(dataset)) as database:
        found = {road["id"]: road["properties"] for road in geopackage.roads(database)}
    return {id: (its["name"], its["lanes"], its["job"]) for id, its in found.items()}


def test_two_people_edit_the_same_roads(whole: Whole) -> None:
    folder = whole.folder("roads")
    done = subprocess.run(
        [sys.executable, play.__file__, str(folder)],
        env={**os.environ, "ORCHESTRATOR_HOME": str(whole.home)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    first = next(line for line in done.stdout.splitlines() if line.startswith("job "))
    job = int(first.split()[1])
    quick = next(one["id"] for one in whole.items("/jobs", kind="edit") if one["name"] == "harbour" and one["id"] > job)
    assert [entry["to"] for entry in whole.items(f"/jobs/{job}/history") if entry["to"]] == WALKED
    children = [child for child in whole.items("/jobs", parent=job) if child["kind"] != "batch"][::-1]
    assert [(child["kind"], child["state"]) for child in children] == [
        (kind, "Archived") for kind in ("correction", "review", "correction", "review", "conflict")
    ]
    assert [child["failures"][0] for child in children if child["kind"] != "review"] == [
        {"path": "roads/1", "path_b64": None, "step": 0, "message": "has 0 lanes; it can have 1 to 8"},
        {"path": None, "path_b64": None, "step": None, "message": "the ring road has 4 lanes"},
        {
            "path": "roads/3",
            "path_b64": None,
            "step": 0,
            "message": f"conflict: version 2 is by job {quick}; version 1 was edited",
        },
    ]
    # By hand: ed's lanes of 1; 2 is deleted; of 3 the name is ed's, the lanes are eva's; 4 is eva's; 7 is new.
    by_hand: Roads = {
        1: ("Mill Lane", 3, job),
        3: ("Old Bridge Road", 4, job),
        4: ("Harbour Quay", 2, quick),
        5: ("Station Road", 2, None),
        6: ("High Street", 2, None),
        7: ("Ring Road", 4, job),
    }
    assert roads(folder / "roads.gpkg") == by_hand
    published = json.loads((folder / "published.geojson").read_bytes())["features"]
    assert {
        one["id"]: tuple(one["properties"][key] for key in ("name", "lanes", "job")) for one in published
    } == by_hand
    kept = {int(name) for name in os.listdir(whole.home / "workspaces") if name.isdecimal()}
    assert kept.isdisjoint({job, quick, *(child["id"] for child in children)})
    assert "ed has resolved it" in done.stdout


def test_a_commit_that_breaks_half_way_is_resumed_by_an_admin(whole: Whole, tmp_path: Path) -> None:
    folder = whole.folder("roads")
    dataset = folder / "roads.gpkg"
    with DocumentClient(whole.profile["url"], whole.profile["key"]) as admin:
        play.define(admin, folder)
        pia, ed = (play.someone(admin, name, tmp_path) for name in ("pia", "ed"))
        with pia.client, ed.client:
            asked = {"name": "wider", "extent": play.box(11.05, 11.35), "assignee": "ed", "allocate": True}
            job = pia.plan(asked)
            edited = ed.take(job)
            for road in edited.values():
                road["properties"]["lanes"] = 7
            before = roads(dataset)
            change(dataset, FULL)
            ed.send(job, edited.values(), "Failed")
            failed = whole.job(job)
            assert (failed["stage"], failed["ended_at"]) == ("committing", None)
            assert roads(dataset) == before, "what the broken commit had written is not there"
            change(dataset, "drop trigger full")
            with pytest.raises(ApiRefused) as refused:
                pia.client.fire(job, "step-resumed")
            assert refused.value.status == 403
            admin.fire(job, "step-resumed", reason="there is room again")
            ed.wait(job, "Completed")
    assert roads(dataset) == before | {id: (name, 7, job) for id, (name, _, _) in before.items() if id <= 3}
    with closing(sqlite3.connect(dataset)) as database:
        assert database.execute("select job, changes from merged").fetchall() == [(job, 3)]
    commits = [run["state"] for run in whole.items("/jobs", parent=job, workflow="roads_commit")]
    assert commits == ["Success", "Failure"]


def change(dataset: Path, statement: str) -> None:
    with closing(sqlite3.connect(dataset)) as database:
        database.execute(statement)
