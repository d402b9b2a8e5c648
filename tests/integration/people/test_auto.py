"""Groups that go on by themselves: people's tasks and workflows in turn, failures, rework, and what stops them."""

from collections.abc import Callable, Mapping

import pytest

from orchestrator.hub import Hub
from tests.integration.hub.conftest import World, new_hub, world
from tests.integration.people.conftest import People, Somebody

__all__ = ["new_hub", "world"]

PUBLISH = {"name": "publish", "workflow": "work", "site": "london", "paths": ["/data"]}
SHEET = [{"name": "collect", "group": "editors"}, PUBLISH, {"name": "check", "group": "editors"}]


@pytest.fixture
def ed(people: People) -> Somebody:
    return people("ed", groups=("editors",))


def begun(world: World, planner: Somebody, *tasks: Mapping[str, object], **more: object) -> int:
    """A group job that goes on by itself."""
    world.define([{"name": "noop"}])
    planner.do("/task-groups", name="sheet", tasks=list(tasks or SHEET))
    return planner.do("/jobs", task_group="sheet", **more)["id"]


def through(somebody: Somebody, group: int) -> None:
    """Work on the task that is under way, and complete it."""
    job = next(row["job_id"] for row in somebody.rows(group) if row["code"] in (2, 5))
    for event in ("start", "complete"):
        somebody.do(f"/jobs/{job}/actions/{event}")


def walked(world: World, paths: int = 2) -> None:
    """The walk of the run that has begun finds some paths; their task is with london."""
    world.turn(2)
    order = world.london.walk()
    world.london.batch(order, 1, [b"/data/%d" % n for n in range(paths)], closed=True)
    world.turn(2)


def ran(world: World, **said: int) -> None:
    """The run that has begun comes to its end."""
    walked(world)
    world.london.finish(world.london.parcel(), 2, **said)
    world.turn(2)


def test_people_and_workflows_in_turn(world: World, planner: Somebody, ed: Somebody) -> None:
    group = begun(world, planner)
    assert planner.statuses(group) == [("collect", 2), ("publish", 1), ("check", 1)]
    through(ed, group)
    assert planner.statuses(group) == [("collect", 10), ("publish", 2), ("check", 1)]
    publish = planner.rows(group)[1]
    run = planner.see(f"/jobs/{publish['run_id']}")
    assert (run["kind"], run["parent_id"], run["owner"]) == ("batch", publish["job_id"], "pia")
    assert ed.refused(f"/jobs/{publish['job_id']}/actions/start")[0] == 403, "no person's task"
    assert planner.refused(f"/jobs/{publish['job_id']}/actions/complete")[0] == 409, "its workflow runs"
    walked(world)
    parcel = world.london.parcel()
    world.london.report(*[_started(parcel)])
    world.turn(2)
    assert planner.statuses(group)[1] == ("publish", 5)
    world.london.finish(parcel, 2)
    world.turn(2)
    assert planner.statuses(group) == [("collect", 10), ("publish", 10), ("check", 2)]
    publish = planner.rows(group)[1]
    assert (publish["started_by"], publish["ended_by"], publish["run_id"]) == ("hub", "hub", None)
    run = planner.see(f"/jobs/{run['id']}")
    assert (publish["started_at"], publish["ended_at"]) == (run["started_at"], run["ended_at"])
    through(ed, group)
    ended = planner.see(f"/jobs/{group}")
    assert (ended["state"], ended["progress"]["percent"], ended["reason"]) == ("Success", 100.0, None)
    assert [event for event, actor, _ in planner.history(group) if actor == "hub"] == [
        "SetNextTask", "CreateJobForTask"] * 3 + ["SetNextTask", "AllSucceeded"]  # fmt: skip


def _started(parcel):  # type: ignore[no-untyped-def]
    from orchestrator.contracts.report import Started  # noqa: PLC0415

    return Started(parcel.tasks[0].task, parcel.tasks[0].attempt, 1.0)


def test_a_workflow_that_fails_waits_for_a_planner(world: World, planner: Somebody, ed: Somebody) -> None:
    group = begun(world, planner)
    through(ed, group)
    first = planner.rows(group)[1]["run_id"]
    ran(world, processed=1, failed=1)
    row = planner.rows(group)[1]
    assert (row["code"], row["run_id"]) == (5, None)
    assert row["reason"] == f"job {first}, its workflow, ended Failure"
    assert planner.see(f"/jobs/{group}")["state"] == "Started"
    causes = planner.see(f"/jobs/{row['job_id']}/why")["items"] + planner.see(f"/jobs/{group}/why")["items"]
    assert {cause["cause"] for cause in causes} == {"run_failed", "waits_for_task"}
    assert ed.refused(f"/jobs/{row['job_id']}/actions/retry")[0] == 403
    assert planner.see(f"/jobs/{row['job_id']}")["legal_events"] == ["Complete", "Retry"]
    planner.do(f"/jobs/{row['job_id']}/actions/retry", reason="the disk was full")
    row = planner.rows(group)[1]
    second = row["run_id"]
    assert second not in (None, first)
    assert (row["code"], row["reason"], row["started_at"]) == (2, None, None)
    ran(world, processed=1, failed=1)
    planner.do(f"/jobs/{row['job_id']}/actions/complete", comment="done by hand")
    assert planner.statuses(group) == [("collect", 10), ("publish", 10), ("check", 2)]
    runs = planner.see(f"/jobs?parent={row['job_id']}")["items"]
    assert [run["id"] for run in runs] == [second, first]
    assert [event for event, _, _ in planner.history(row["job_id"])] == [
        "Listed", "JobCreated", "RunStarted", "Start", "RunFailed", "Retry", "RunStarted", "Start", "RunFailed",
        "Complete",
    ]  # fmt: skip


def test_a_retry_that_works(world: World, planner: Somebody, ed: Somebody) -> None:
    group = begun(world, planner)
    through(ed, group)
    ran(world, processed=1, failed=1)
    planner.do(f"/jobs/{planner.rows(group)[1]['job_id']}/actions/retry")
    ran(world)
    assert planner.statuses(group) == [("collect", 10), ("publish", 10), ("check", 2)]


def test_a_workflow_that_fails_may_fail_the_group(world: World, planner: Somebody, ed: Somebody) -> None:
    group = begun(world, planner, SHEET[0], PUBLISH | {"on_failure": "fail"}, SHEET[2])
    through(ed, group)
    ran(world, processed=1, failed=1)
    assert planner.statuses(group) == [("collect", 10), ("publish", 0), ("check", 0)]
    job = planner.see(f"/jobs/{group}")
    assert job["state"] == "Failure"
    assert "ended Failure" in job["reason"]
    assert planner.see(f"/jobs/{planner.rows(group)[1]['job_id']}")["state"] == "Cancelled"
    assert job["progress"]["percent"] == pytest.approx(33.3)


def test_what_can_not_be_submitted_has_failed(world: World, planner: Somebody, ed: Somebody) -> None:
    group = begun(world, planner)
    planner.ask("DELETE", "/workflows/work")
    through(ed, group)
    row = planner.rows(group)[1]
    assert (row["code"], row["run_id"]) == (5, None)
    assert "there is no workflow 'work'" in row["reason"]
    world.define([{"name": "noop"}])
    planner.do(f"/jobs/{row['job_id']}/actions/retry")
    ran(world)
    assert planner.statuses(group)[1:] == [("publish", 10), ("check", 2)]


def test_rework_is_inserted_by_who_finds_it(world: World, planner: Somebody, ed: Somebody, people: People) -> None:
    qa = people("quin", groups=("qa",))
    planner.do(
        "/task-groups", name="rework", tasks=[{"name": "fix", "group": "editors"}, {"name": "check", "group": "qa"}]
    )
    group = begun(world, planner, SHEET[0], {"name": "validate", "group": "qa"}, {"name": "close", "group": "qa"})
    assert qa.refused(f"/jobs/{group}/insert-task-group", task_group="rework")[0] == 403
    through(ed, group)
    validate = planner.rows(group)[1]["job_id"]
    qa.do(f"/jobs/{validate}/actions/start")
    assert "InsertTaskGroup" in qa.see(f"/jobs/{group}")["legal_events"]
    qa.do(f"/jobs/{group}/insert-task-group", task_group="rework", reason="two roads do not meet")
    assert planner.see(f"/jobs/{group}/task-list")["percent_complete"] == 20.0
    qa.do(f"/jobs/{validate}/actions/complete")
    assert ed.refused(f"/jobs/{group}/insert-task-group", task_group="rework")[0] == 403
    names = [row["task"] for row in planner.rows(group)]
    assert names == ["collect", "validate", "fix", "check", "close"]
    for somebody in (ed, qa, qa):
        through(somebody, group)
    assert planner.see(f"/jobs/{group}")["state"] == "Success"


def test_a_paused_group_holds_what_is_open(world: World, planner: Somebody, ed: Somebody) -> None:
    group = begun(world, planner)
    child = planner.rows(group)[0]["job_id"]
    for _ in range(2):
        assert planner.do(f"/jobs/{group}/pause", reason="flooded")["state"] == "Paused"
    code, legal = ed.refused(f"/jobs/{child}/actions/start")
    assert (code, legal) == (409, [])
    assert planner.see(f"/jobs/{child}")["holds"][0]["kind"] == "group"
    assert planner.refused(f"/jobs/{group}/next-task")[0] == 409
    for _ in range(2):
        assert planner.do(f"/jobs/{group}/resume")["state"] == "Pending"
    through(ed, group)
    run = planner.rows(group)[1]["run_id"]
    world.turn(2)
    assert planner.do(f"/jobs/{group}/pause")["state"] == "Paused"
    assert planner.see(f"/jobs/{run}")["holds"][0]["kind"] == "group"
    world.london.batch(world.london.walk(), 1, closed=True)
    world.turn(2)
    assert planner.see(f"/jobs/{run}")["state"] == "Success"
    assert planner.statuses(group)[1] == ("publish", 2), "nothing happens in a group that is paused"
    assert planner.do(f"/jobs/{group}/resume")["state"] == "Started"
    world.turn(2)
    assert planner.statuses(group) == [("collect", 10), ("publish", 10), ("check", 2)]


def test_a_group_that_is_held_goes_on_when_it_is_released(world: World, planner: Somebody, ed: Somebody) -> None:
    group = begun(world, planner)
    hold = planner.do("/holds", scope={"job": group}, reason="no budget")["id"]
    through(ed, group)
    assert planner.statuses(group)[1] == ("publish", 1)
    world.turn(3)
    assert planner.statuses(group)[1] == ("publish", 1)
    assert planner.refused(f"/jobs/{group}/next-task")[0] == 409
    assert planner.ask("DELETE", f"/holds/{hold}").is_success
    world.turn(1)
    assert planner.statuses(group)[1] == ("publish", 2)
    assert world.one("select count(*) as n from group_jobs where due").n == 0


def test_a_group_is_cancelled_with_all_that_is_open(world: World, planner: Somebody, ed: Somebody) -> None:
    group = begun(world, planner)
    child = planner.rows(group)[0]["job_id"]
    ed.do(f"/jobs/{child}/actions/start")
    for _ in range(2):
        assert planner.do(f"/jobs/{group}/cancel", reason="not wanted")["state"] == "Cancelled"
    assert planner.statuses(group) == [("collect", 0), ("publish", 0), ("check", 0)]
    assert planner.see(f"/jobs/{child}")["state"] == "Cancelled"
    assert ed.refused(f"/jobs/{child}/actions/complete") == (409, [])


def test_a_workflow_that_runs_is_stopped_with_its_group(world: World, planner: Somebody, ed: Somebody) -> None:
    group = begun(world, planner)
    through(ed, group)
    run = planner.rows(group)[1]["run_id"]
    walked(world)
    parcel = world.london.parcel()
    assert world.london.claim(parcel)
    world.london.report(_started(parcel))
    world.turn(2)
    assert planner.do(f"/jobs/{group}/cancel")["state"] == "Dequeuing"
    assert planner.statuses(group)[1:] == [("publish", 0), ("check", 0)]
    assert planner.see(f"/jobs/{run}")["state"] == "Dequeuing"
    world.london.finish(parcel, 2)
    world.turn(3)
    assert planner.see(f"/jobs/{run}")["state"] == "Cancelled"
    assert planner.see(f"/jobs/{group}")["state"] == "Cancelled"


def test_the_same_key_is_the_same_group(world: World, planner: Somebody) -> None:
    begun(world, planner)
    headers = {"Idempotency-Key": "once"}
    body = {"task_group": "sheet", "name": "twelve"}
    made = [planner.http.post("/api/v1/jobs", json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 200]
    assert made[0].json()["id"] == made[1].json()["id"]
    assert planner.http.post("/api/v1/jobs", json=body | {"name": "x"}, headers=headers).status_code == 409


def test_every_step_after_a_new_hub(world: World, planner: Somebody, ed: Somebody, new_hub: Callable[[], Hub]) -> None:
    group = begun(world, planner)
    world.hub = new_hub()
    through(ed, group)
    for _ in range(2):
        world.hub = new_hub()
        world.turn()
    ran(world)
    world.hub = new_hub()
    world.turn(2)
    through(ed, group)
    assert planner.see(f"/jobs/{group}")["state"] == "Success"
    assert world.one("select count(*) as n from jobs").n == 5, "the group, three tasks, and one run"
