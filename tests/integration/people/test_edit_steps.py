"""The steps of edit jobs: only the present one counts, nothing is done twice, and nothing is left behind."""

import pytest
from sqlalchemy import text

from orchestrator.contracts.failpoints import SPEC, Failed, arm
from tests.integration.hub.conftest import World, new_hub, world
from tests.integration.people.conftest import Document, People, Somebody
from tests.integration.people.editing import BROKE, GOOD, JUDGED, Desk

__all__ = ["new_hub", "world"]


@pytest.fixture
def desk(world: World, people: People, planner: Somebody) -> Desk:
    return Desk(world, people, planner)


@pytest.fixture
def ed(desk: Desk) -> Somebody:
    return desk.editor()


def due(desk: Desk) -> None:
    """What was put off is due now."""
    with desk.world.engine.begin() as tx:
        tx.execute(text("update edit_jobs set go_on_at = now() where go_on_at is not null"))
    desk.turn()


def causes(desk: Desk, job: int) -> list[str]:
    return [cause["cause"] for cause in desk.planner.see(f"/jobs/{job}/why")["items"]]


def steps(desk: Desk, job: int) -> list[Document]:
    """The runs of its steps, the oldest first."""
    return desk.planner.see(f"/jobs?parent={job}&kind=batch")["items"][::-1]


def dies(desk: Desk) -> bool:
    """Go on, but fail before the commit; whether there was something to do."""
    arm({SPEC: "edit.uncommitted=raise"})
    try:
        desk.turn()
    except Failed:
        return True
    finally:
        arm({})
    return False


def test_a_step_that_is_left_behind_does_not_count(desk: Desk, ed: Somebody) -> None:
    desk.define("extract")
    job = desk.new()
    desk.fire(ed, job, "activate")
    parcel = desk.world.london.parcel()
    desk.world.london.start(parcel)
    desk.fire(ed, job, "relinquish", comment="off sick")
    told = desk.see(job)
    assert (told["state"], told["claimed_by"], told["stage"], told["step_job_id"]) == ("Allocated", None, None, None)
    assert steps(desk, job)[0]["state"] == "Dequeuing"
    eve = desk.editor("eve")
    desk.fire(eve, job, "activate")
    assert causes(desk, job) == ["stopping"]
    assert len(steps(desk, job)) == 1, "nothing is begun beside it"
    desk.world.london.finish(parcel, 2)
    desk.turn()
    assert steps(desk, job)[0]["state"] == "Cancelled"
    assert desk.state(job) == ("Activated", "extracting")
    due(desk)
    assert len(steps(desk, job)) == 2
    assert causes(desk, job) == ["runs"]
    desk.ran()
    assert (desk.see(job)["state"], desk.see(job)["claimed_by"]) == ("Prepared", "eve")


def test_a_step_that_ended_and_was_not_heard_of_can_be_left_behind(desk: Desk, ed: Somebody) -> None:
    desk.define("extract")
    job = desk.new()
    desk.fire(ed, job, "activate")
    desk.world.london.finish(desk.world.london.parcel(), 2)
    assert dies(desk)
    assert steps(desk, job)[0]["state"] == "Success"
    ed.do(f"/jobs/{job}/actions/relinquish")
    desk.turn()
    assert desk.see(job)["state"] == "Allocated", "its ending is nobody's"


def test_what_is_held_begins_no_step(desk: Desk, ed: Somebody) -> None:
    desk.define("extract", "edit")
    job = desk.new()
    desk.fire(ed, job, "activate")
    hold = desk.planner.do("/holds", scope={"job": job}, reason="a look")["id"]
    desk.ran()
    assert desk.state(job) == ("Activated", "editing")
    due(desk)
    assert len(steps(desk, job)) == 1
    assert "held" in causes(desk, job)
    assert ed.refused(f"/jobs/{job}/actions/relinquish")[0] == 409
    assert desk.planner.ask("DELETE", f"/holds/{hold}").is_success
    due(desk)
    assert len(steps(desk, job)) == 2


def test_a_cleanup_is_tried_until_it_works(desk: Desk, ed: Somebody) -> None:
    desk.define("cleanup")
    job = desk.new()
    desk.fire(ed, job, "activate", "download", "upload")
    desk.ran(BROKE)
    assert desk.state(job) == ("Committed", "cleaning")
    assert causes(desk, job) == ["retry"]
    assert desk.has_workspace(job)
    due(desk)
    desk.ran(GOOD)
    assert desk.see(job)["state"] == "Completed"
    assert [run["state"] for run in steps(desk, job)] == ["Failure", "Success"]


def test_workspaces_that_can_not_be_reached_are_waited_for(desk: Desk, ed: Somebody) -> None:
    desk.define()
    desk.world.workspaces.write_text("in the way")
    job = desk.new()
    desk.fire(ed, job, "activate")
    told = desk.see(job)
    assert told["state"] == "Activated"
    assert "can not be reached" in told["reason"]
    assert causes(desk, job) == ["retry"]
    desk.world.workspaces.unlink()
    due(desk)
    told = desk.see(job)
    assert (told["state"], told["reason"]) == ("Prepared", None)


def test_rework_whose_edits_are_gone_ends_and_gives_its_parent_back(desk: Desk, ed: Somebody) -> None:
    desk.define("validate")
    job = desk.new()
    desk.fire(ed, job, "activate", "download", "upload")
    desk.ran(JUDGED)
    (correction,) = desk.children(job, "correction")
    desk.fire(ed, correction["id"], "activate", "download", "upload")
    desk.ran()
    told = desk.see(correction["id"])
    assert (told["state"], told["reason"]) == (
        "Abandoned", f"job {correction['id']} has no edits that could be merged into job {job}",
    )  # fmt: skip
    assert desk.see(job)["state"] == "Downloaded"
    assert desk.planner.history(job)[-1] == ("ChildEnded", "hub", "Downloaded")
    assert not desk.has_workspace(correction["id"])


@pytest.mark.parametrize(
    ("asked", "stops"),
    [(["validate"], "Invalid"), (["reconcile"], "Conflicted"), ([], "Quarantined")],
    ids=["invalid", "conflicted", "quarantined"],
)
def test_a_recall_ends_the_wait_with_the_edits_kept(desk: Desk, ed: Somebody, asked: list[str], stops: str) -> None:
    desk.define(*asked, quarantine=not asked)
    job = desk.new()
    desk.fire(ed, job, "activate", "download")
    desk.send_edits(job, b"mine")
    desk.fire(ed, job, "upload")
    if asked:
        desk.ran(JUDGED)
    assert desk.see(job)["state"] == stops
    child = next(one["id"] for one in desk.planner.see(f"/jobs?parent={job}")["items"] if one["kind"] != "batch")
    assert causes(desk, job) == ["waits_for_job"]
    if asked == ["validate"]:
        desk.fire(ed, child, "activate", "download", "upload")
        assert desk.state(child) == ("Uploaded", "validating")
    assert ed.refused(f"/jobs/{job}/actions/recalled")[0] == 403
    desk.fire(desk.planner, job, "recalled", reason="it takes too long")
    told = desk.see(job)
    assert (told["state"], told["claimed_by"], desk.edits(job)) == ("Downloaded", "ed", b"mine")
    assert desk.see(child)["state"] == "Abandoned"
    due(desk)
    assert not desk.has_workspace(child)
    assert {run["state"] for run in steps(desk, child)} <= {"Cancelled"}
    assert [item["job_id"] for item in ed.see("/worklist")["items"]] == [job]


def test_others_can_wait_for_how_far_it_is(desk: Desk, ed: Somebody) -> None:
    desk.define("validate")
    job = desk.new()
    other = desk.planner.do(
        "/jobs", job_type="roads", name="after", group="editors", allocate=True,
        depends_on=[{"job": job, "state": "Uploaded"}],
    )["id"]  # fmt: skip
    assert ed.refused(f"/jobs/{other}/actions/activate")[0] == 409
    for state in ("Invalid", "Started"):
        wrong = {"job_type": "roads", "name": "x", "depends_on": [{"job": job, "state": state}]}
        assert desk.planner.ask("POST", "/jobs", wrong).status_code == 422
    desk.fire(ed, job, "activate", "download", "upload")
    desk.world.hub.judge()
    assert ed.do(f"/jobs/{other}/actions/activate")["state"] == "Activated"
    desk.ran(JUDGED)
    met = desk.planner.do("/jobs", job_type="roads", name="later", depends_on=[{"job": job, "state": "Uploaded"}])
    assert met["depends_on"][0]["met"], "what is invalid was uploaded"


def test_a_hub_that_dies_before_it_has_written_does_it_again(desk: Desk, ed: Somebody) -> None:
    desk.define("extract", "validate", "commit", "cleanup")
    job = desk.new()
    for event, begun in (("activate", 1), ("download", 0), ("upload", 3)):
        ed.do(f"/jobs/{job}/actions/{event}")
        assert dies(desk) == (begun > 0)
        for _ in range(begun):
            desk.turn()
            desk.world.london.finish(desk.world.london.parcel(), 2)
            assert dies(desk)
        desk.turn()
    assert desk.see(job)["state"] == "Completed"
    assert [run["state"] for run in steps(desk, job)] == ["Success"] * 4, "no step is begun twice"
    assert not desk.has_workspace(job)


def test_why_each_of_them_waits(desk: Desk, ed: Somebody) -> None:
    desk.define("commit")
    job = desk.new(allocate=False)
    assert causes(desk, job) == ["waits_for_planner"]
    desk.fire(desk.planner, job, "allocate")
    assert causes(desk, job) == ["waits_for_people"]
    ed.do(f"/jobs/{job}/actions/activate")
    assert causes(desk, job) == ["goes_on"]
    desk.turn()
    assert causes(desk, job) == ["at_work"]
    desk.fire(ed, job, "download", "upload")
    assert causes(desk, job) == ["runs"]
    desk.ran(BROKE)
    assert causes(desk, job) == ["step_broke"]
    desk.fire(desk.people.admin, job, "step-resumed")
    desk.ran()
    assert causes(desk, job) == ["ended"]
