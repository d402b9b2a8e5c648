"""Edit jobs on a hub: the whole way, every way back, and what planners and admins do about it."""

import pytest

from tests.integration.hub.conftest import World, new_hub, world
from tests.integration.people.conftest import People, Somebody
from tests.integration.people.editing import BROKE, GOOD, JUDGED, STEPS, Desk

__all__ = ["new_hub", "world"]
MANUAL = [step for step in STEPS if step != "edit"]


@pytest.fixture
def desk(world: World, people: People, planner: Somebody) -> Desk:
    return Desk(world, people, planner)


@pytest.fixture
def ed(desk: Desk) -> Somebody:
    return desk.editor()


def test_the_long_way(desk: Desk, ed: Somebody) -> None:
    desk.define(*MANUAL, quarantine=True, reviewers="qa")
    rita = desk.people("rita", "reviewer", groups=("qa",))
    job = desk.new(allocate=False)
    desk.planner.do(f"/jobs/{job}/actions/allocate", group="editors")
    uploaded(desk, ed, job)
    corrected(desk, ed, job)
    reviewed(desk, ed, rita, job)
    resolved(desk, ed, job)
    for state, stage in (("Uploaded", "committing"), ("Committed", "publishing"), ("Published", "cleaning")):
        assert desk.state(job) == (state, stage)
        desk.ran()
    done = desk.see(job)
    assert (done["state"], done["stage"], done["step_job_id"]) == ("Completed", None, None)
    assert not desk.has_workspace(job)
    desk.fire(desk.planner, job, "archive")
    assert desk.walked(job) == [
        "Proposed", "Allocated", "Activated", "Prepared", "Downloaded", "Uploaded", "Invalid", "Uploaded",
        "Quarantined", "Invalid", "Uploaded", "Quarantined", "Uploaded", "Conflicted", "Uploaded", "Committed",
        "Published", "Completed", "Archived",
    ]  # fmt: skip
    kinds = ["correction", "review", "correction", "review", "conflict"]
    family = [one for one in desk.planner.see(f"/jobs?parent={job}&limit=50")["items"][::-1] if one["kind"] != "batch"]
    assert [(one["kind"], one["state"]) for one in family] == [(kind, "Archived") for kind in kinds]
    archived = desk.see(job)
    assert (archived["ended_at"], archived["time_spent_s"], archived["claimed_by"]) == (done["ended_at"], 7200.0, "ed")


def uploaded(desk: Desk, ed: Somebody, job: int) -> None:
    desk.fire(ed, job, "activate")
    assert desk.state(job) == ("Activated", "extracting")
    step = desk.ran()
    assert (step["kind"], step["parent_id"], step["owner"], step["workflow"]) == ("batch", job, "pia", "work")
    assert step["fields"] == {
        "job": job, "name": "ring road", "attributes": {}, "resolve": 0, "colour": "red",
        "workspace": step["fields"]["workspace"],
    }  # fmt: skip
    assert desk.state(job) == ("Prepared", None)
    desk.fire(ed, job, "download")
    desk.send_edits(job, b"first")
    desk.fire(ed, job, "upload", comment="the new roundabout", time_spent="2h")
    assert desk.state(job) == ("Uploaded", "validating")
    desk.ran(JUDGED)
    assert desk.state(job) == ("Invalid", None)


def corrected(desk: Desk, ed: Somebody, job: int) -> None:
    (child,) = desk.children(job, "correction")
    correction = child["id"]
    assert (child["state"], child["assignee"], child["job_type"]) == ("Allocated", "ed", "roads")
    assert child["failures"] == [{"path": "b", "path_b64": None, "step": 0, "message": "crosses itself"}]
    desk.fire(ed, correction, "activate", "download")
    assert desk.edits(correction) == b"first"
    desk.send_edits(correction, b"corrected")
    desk.fire(ed, correction, "upload")
    told = desk.ran(JUDGED)["fields"]
    assert (told["job"], told["parent"]) == (correction, job)
    assert told["failures"] == [{"path": "b", "step": 0, "message": "crosses itself"}]
    assert desk.see(correction)["state"] == "Downloaded", "its own rework goes on in place"
    desk.fire(ed, correction, "upload")
    desk.ran()
    assert desk.see(correction)["state"] == "Completed"
    assert desk.state(job) == ("Uploaded", "validating")
    assert (desk.edits(job), desk.has_workspace(correction)) == (b"corrected", False)
    desk.ran()


def reviewed(desk: Desk, ed: Somebody, rita: Somebody, job: int) -> None:
    assert desk.state(job) == ("Quarantined", None)
    (review,) = desk.children(job, "review")
    assert (review["state"], review["group"], review["assignee"]) == ("Allocated", "qa", None)
    assert [item["job_id"] for item in rita.see("/worklist")["items"]] == [review["id"]]
    desk.fire(rita, review["id"], "activate", "download")
    desk.fire(rita, review["id"], "corrections-required", comment="the bridge is missing")
    assert desk.see(review["id"])["decision"] == "corrections-required"
    assert desk.state(job) == ("Invalid", None)
    asked = desk.children(job, "correction")[1]
    assert asked["failures"] == [{"path": None, "path_b64": None, "step": None, "message": "the bridge is missing"}]
    desk.fire(ed, asked["id"], "activate", "download", "upload")
    desk.ran()
    desk.ran()
    assert desk.state(job) == ("Quarantined", None), "what was corrected is looked at again"
    desk.fire(rita, desk.children(job, "review")[1]["id"], "review-approved")


def resolved(desk: Desk, ed: Somebody, job: int) -> None:
    assert desk.state(job) == ("Uploaded", "reconciling")
    desk.ran(JUDGED)
    assert desk.state(job) == ("Conflicted", None)
    (conflict,) = desk.children(job, "conflict")
    assert conflict["failures"][0]["message"] == "crosses itself"
    desk.fire(ed, conflict["id"], "activate", "download")
    desk.send_edits(conflict["id"], b"resolved")
    desk.fire(ed, conflict["id"], "upload")
    desk.ran()
    assert desk.state(job) == ("Uploaded", "validating")
    desk.ran()
    assert desk.state(job) == ("Uploaded", "reconciling"), "approved is approved"
    desk.ran()
    assert desk.edits(job) == b"resolved"


def test_steps_that_are_left_out_are_good(desk: Desk, ed: Somebody) -> None:
    desk.define()
    job = desk.new()
    desk.fire(ed, job, "activate", "download", "upload")
    assert desk.walked(job) == [
        "Allocated", "Activated", "Prepared", "Downloaded", "Uploaded", "Committed", "Completed",
    ]  # fmt: skip
    stages = [entry["reason"] for entry in desk.planner.see(f"/jobs/{job}/history")["items"] if entry["to"] is None]
    assert stages == ["extracting", "validating", "reconciling", "committing", "cleaning"]


def test_a_workflow_edits_where_nobody_does(desk: Desk, ed: Somebody) -> None:
    desk.define("extract", "edit", "validate")
    job = desk.new()
    desk.fire(ed, job, "activate")
    desk.ran()
    assert desk.state(job) == ("Activated", "editing")
    desk.ran(BROKE)
    assert desk.see(job)["state"] == "Allocated"
    desk.fire(ed, job, "activate")
    desk.ran()
    desk.ran()
    assert desk.state(job) == ("Uploaded", "validating")
    desk.ran()
    assert desk.see(job)["state"] == "Completed"
    assert "Prepared" not in desk.walked(job)


def test_what_is_only_read_is_closed(desk: Desk, ed: Somebody) -> None:
    desk.define(mode="read_only")
    job = desk.new()
    desk.fire(ed, job, "activate", "download")
    assert ed.see(f"/jobs/{job}")["legal_events"] == ["Close", "Relinquish"]
    assert ed.refused(f"/jobs/{job}/actions/upload")[0] == 409
    desk.fire(ed, job, "close")
    assert desk.see(job)["state"] == "Completed"
    assert not desk.has_workspace(job)


@pytest.mark.parametrize(
    ("step", "said", "state", "children"),
    [
        ("extract", BROKE, "Allocated", []),
        ("extract", JUDGED, "Allocated", []),
        ("validate", BROKE, "Downloaded", []),
        ("validate", JUDGED, "Invalid", ["correction"]),
        ("reconcile", BROKE, "Downloaded", []),
        ("reconcile", JUDGED, "Conflicted", ["conflict"]),
        ("commit", BROKE, "Failed", []),
        ("commit", JUDGED, "Failed", []),
        ("publish", BROKE, "Failed", []),
        ("publish", JUDGED, "Failed", []),
        ("cleanup", BROKE, "Committed", []),
        ("cleanup", JUDGED, "Committed", []),
    ],
)
def test_how_a_step_ends(
    desk: Desk, ed: Somebody, step: str, said: dict[str, object], state: str, children: list[str]
) -> None:
    desk.define(step)
    job = desk.new()
    desk.fire(ed, job, "activate")
    if step != "extract":
        desk.fire(ed, job, "download", "upload")
    run = desk.ran(said)
    seen = desk.see(job)
    assert seen["state"] == state
    assert seen["reason"] == f"job {run['id']}, its step {step}, ended Failure"
    family = desk.planner.see(f"/jobs?parent={job}")["items"]
    assert [one["kind"] for one in family if one["kind"] != "batch"] == children
    assert (seen["claimed_by"], desk.has_workspace(job)) == ((None, False) if step == "extract" else ("ed", True))


def test_what_broke_is_resumed_by_an_admin_where_it_was(desk: Desk, ed: Somebody) -> None:
    desk.define("commit", "publish")
    job = desk.new()
    desk.fire(ed, job, "activate", "download", "upload")
    desk.ran(BROKE)
    assert desk.state(job) == ("Failed", "committing")
    assert desk.planner.refused(f"/jobs/{job}/actions/step-resumed")[0] == 403
    assert desk.planner.refused(f"/jobs/{job}/actions/retry")[0] == 409, "it may be half merged"
    desk.fire(desk.people.admin, job, "step-resumed")
    assert desk.state(job) == ("Uploaded", "committing")
    desk.ran()
    assert desk.state(job) == ("Committed", "publishing")
    desk.ran(BROKE)
    assert desk.state(job) == ("Failed", "publishing")
    desk.fire(desk.people.admin, job, "step-resumed")
    assert desk.state(job) == ("Committed", "publishing")
    desk.ran()
    assert desk.see(job)["state"] == "Completed"


def test_what_never_began_to_be_merged_can_be_retried(desk: Desk, ed: Somebody) -> None:
    desk.define("commit")
    job = desk.new()
    desk.fire(ed, job, "activate", "download")
    desk.planner.ask("DELETE", "/workflows/work")
    desk.fire(ed, job, "upload")
    seen = desk.see(job)
    assert seen["state"] == "Failed"
    assert seen["reason"].startswith("the step commit could not be started: the job can not be taken: $.workflow")
    desk.fire(desk.planner, job, "retry")
    seen = desk.see(job)
    assert (seen["state"], seen["claimed_by"], seen["started_at"], seen["stage"]) == ("Allocated", None, None, None)
    assert not desk.has_workspace(job)


def test_conflicts_are_first_resolved_by_themselves(desk: Desk, ed: Somebody) -> None:
    desk.define("reconcile", conflict_retries=2)
    job = downloaded_without_steps(desk, ed)
    desk.fire(ed, job, "upload")
    tried = [desk.ran(JUDGED)["fields"]["resolve"] for _ in range(3)]
    assert tried == [0, 1, 2]
    assert desk.state(job) == ("Conflicted", None)
    other = downloaded_without_steps(desk, ed)
    desk.fire(ed, other, "upload")
    desk.ran(JUDGED)
    desk.ran(GOOD)
    assert desk.see(other)["state"] == "Completed"


def downloaded_without_steps(desk: Desk, ed: Somebody) -> int:
    job = desk.new()
    desk.fire(ed, job, "activate", "download")
    desk.send_edits(job)
    return job
