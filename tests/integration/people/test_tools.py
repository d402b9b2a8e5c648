"""The six tools, called by hand: codes, who and when, percent complete, and every refusal."""

from tests.integration.people.conftest import People, Somebody

SHEET = [{"name": "collect", "group": "editors", "effort": 5}, {"name": "validate", "assignee": "vera", "effort": 3}]


def by_hand(planner: Somebody, people: People, tasks: object = SHEET, **more: object) -> int:
    """A group job whose tools are all called by somebody."""
    people("vera")
    planner.do("/task-groups", name="sheet", tasks=tasks)
    return planner.do("/jobs", task_group="sheet", advance="manual", **more)["id"]


def test_the_tools_one_after_the_other(people: People, planner: Somebody) -> None:
    ed = people("ed", groups=("editors",))
    vera = people("vera")
    job = by_hand(planner, people, name="sheet 12", priority=8)
    assert planner.see(f"/jobs/{job}")["state"] == "Pending"
    assert planner.see(f"/jobs/{job}/task-list") == {"items": [], "current_task": None, "percent_complete": 0.0}

    listed = planner.do(f"/jobs/{job}/task-list")
    assert [(row["order"], row["task"], row["status"], row["code"]) for row in listed["items"]] == [
        (1, "collect", "Waiting", 1),
        (2, "validate", "Waiting", 1),
    ]
    first, second = (row["id"] for row in listed["items"])
    assert planner.do(f"/jobs/{job}/next-task") == {"current_task": first}
    assert planner.do(f"/jobs/{job}/next-task") == {"current_task": first}, "it is still its turn"

    made = planner.ask("POST", f"/jobs/{job}/task-job")
    assert made.status_code == 201
    child = made.json()
    assert (child["kind"], child["state"], child["parent_id"], child["name"]) == ("task", "Ready", job, "collect")
    assert (child["group"], child["assignee"], child["priority"]) == ("editors", None, 8)
    again = planner.ask("POST", f"/jobs/{job}/task-job")
    assert (again.status_code, again.json()["id"]) == (200, child["id"])
    assert planner.refused(f"/jobs/{job}/next-task")[0] == 409, "it is held by its current task"

    working = ed.do(f"/jobs/{child['id']}/task-status", status="WORKING", parent_id=job)
    assert (working["state"], working["assignee"], working["claimed_by"]) == ("Working", "ed", "ed")
    row = planner.rows(job)[0]
    assert (row["status"], row["code"], row["started_by"], row["assignee"]) == ("Working", 5, "ed", "ed")
    assert row["started_at"]
    assert row["ended_at"] is None
    assert row["duration_s"] is None
    assert planner.see(f"/jobs/{job}")["state"] == "Started"
    ed.do(f"/jobs/{child['id']}/task-status", status="WORKING")
    assert planner.rows(job)[0]["started_at"] == row["started_at"], "again is no change"

    done = ed.do(f"/jobs/{child['id']}/task-status", status="COMPLETE")
    assert (done["state"], done["legal_events"]) == ("Complete", [])
    row = planner.rows(job)[0]
    assert (row["status"], row["code"], row["ended_by"]) == ("Complete", 10, "ed")
    assert row["duration_s"] > 0
    assert planner.see(f"/jobs/{job}/task-list")["percent_complete"] == 62.5
    assert planner.see(f"/jobs/{job}")["progress"] | {"eta": 0} == {
        "done": 1, "total": 2, "total_is_final": False, "percent": 62.5, "rate_per_s": 0.0, "eta": 0,
    }  # fmt: skip
    assert planner.refused(f"/jobs/{job}/task-job")[0] == 409, "the next task is not set"

    assert planner.do(f"/jobs/{job}/next-task") == {"current_task": second}
    child = planner.do(f"/jobs/{job}/task-job")
    assert child["assignee"] == "vera"
    for status in ("WORKING", "COMPLETE"):
        vera.do(f"/jobs/{child['id']}/task-status", status=status)
    assert planner.see(f"/jobs/{job}")["state"] == "Started", "by hand, somebody says that it is over"
    assert planner.do(f"/jobs/{job}/next-task") == {"current_task": None}
    ended = planner.see(f"/jobs/{job}")
    assert (ended["state"], ended["progress"]["percent"]) == ("Success", 100.0)
    assert ended["ended_at"] is not None
    assert [event for event, _, _ in planner.history(job)] == [
        "Submitted", "SetTaskList", "SetNextTask", "SetNextTask", "CreateJobForTask", "TaskStarted",
        "SetNextTask", "CreateJobForTask", "SetNextTask", "AllSucceeded",
    ]  # fmt: skip
    assert planner.history(child["id"]) == [
        ("Listed", "pia", "Waiting"),
        ("JobCreated", "pia", "Ready"),
        ("Start", "vera", "Working"),
        ("Complete", "vera", "Complete"),
    ]
    children = planner.see(f"/jobs?parent={job}&kind=task")["items"]
    assert [one["name"] for one in children] == ["validate", "collect"]


def test_what_comes_at_the_wrong_moment_is_refused(people: People, planner: Somebody) -> None:
    job = by_hand(planner, people)
    vera = people("vera")
    assert planner.refused(f"/jobs/{job}/next-task")[0] == 409, "it has no list"
    assert planner.refused(f"/jobs/{job}/insert-task-group", task_group="sheet")[0] == 409
    planner.do(f"/jobs/{job}/task-list")
    code, legal = planner.refused(f"/jobs/{job}/task-list")
    assert code == 409
    assert legal == [
        "PauseRequested", "CancelRequested", "InsertTaskGroup", "SetNextTask", "CreateJobForTask",
        "CancelRemainingTasks",
    ]  # fmt: skip
    assert planner.refused(f"/jobs/{job}/task-job")[0] == 409, "no task is chosen"
    planner.do(f"/jobs/{job}/insert-task-group", task_group="sheet", at="start")
    planner.do(f"/jobs/{job}/next-task")
    first = planner.rows(job)[0]
    child = planner.do(f"/jobs/{job}/task-job")["id"]
    assert planner.refused(f"/jobs/{child}/task-status", status="COMPLETE") == (409, ["Start"])
    assert planner.refused(f"/jobs/{child}/task-status", status="DONE")[0] == 422
    assert planner.refused(f"/jobs/{child}/task-status", status="WORKING", parent_id=job + 17)[0] == 422
    assert vera.refused(f"/jobs/{child}/task-status", status="WORKING", parent_id=job + 17)[0] == 403
    assert planner.refused(f"/jobs/{job}/task-status", status="WORKING")[0] == 404, "this is the group's own job"
    assert planner.refused(f"/jobs/{child}/task-list")[0] == 404
    assert planner.ask("GET", f"/jobs/{child}/task-list").status_code == 404
    assert planner.refused("/jobs/9999/next-task")[0] == 404
    assert planner.refused(f"/jobs/{child}/actions/fly")[0] == 404
    assert planner.refused(f"/jobs/{child}/actions/job-created")[0] == 403, "that is the system's own"
    assert planner.refused(f"/jobs/{child}/actions/start", colour="red")[0] == 422
    assert first["code"] == 1
    for status in ("WORKING", "COMPLETE"):
        planner.do(f"/jobs/{child}/task-status", status=status)
    for event in ("start", "complete", "give-up", "retry"):
        assert planner.refused(f"/jobs/{child}/actions/{event}") == (409, []), "what is complete stays so"


def test_a_task_is_given_up_and_taken_by_another(people: People, planner: Somebody) -> None:
    job = by_hand(planner, people)
    ed, eve = people("ed", groups=("editors",)), people("eve", groups=("editors",))
    for tool in ("task-list", "next-task"):
        planner.do(f"/jobs/{job}/{tool}")
    child = planner.do(f"/jobs/{job}/task-job")["id"]
    assert ed.see(f"/jobs/{child}")["legal_events"] == ["Start"]
    ed.do(f"/jobs/{child}/actions/start")
    assert eve.refused(f"/jobs/{child}/actions/start") == (409, []), "ed has it"
    assert eve.refused(f"/jobs/{child}/actions/complete")[0] == 403
    assert ed.see(f"/jobs/{child}")["legal_events"] == ["Start", "Complete", "GiveUp"]
    given_up = ed.do(f"/jobs/{child}/actions/GiveUp", comment="off sick")
    assert (given_up["state"], given_up["assignee"]) == ("Ready", None)
    row = planner.rows(job)[0]
    assert (row["code"], row["started_at"], row["started_by"]) == (2, None, None)
    eve.do(f"/jobs/{child}/actions/start")
    assert planner.rows(job)[0]["started_by"] == "eve"
    entry = planner.see(f"/jobs/{child}/history")["items"][3]
    assert (entry["event"], entry["actor"], entry["comment"]) == ("GiveUp", "ed", "off sick")


def test_where_tasks_are_inserted(people: People, planner: Somebody) -> None:
    job = by_hand(planner, people)
    for name in ("a", "b", "c", "d"):
        planner.do("/task-groups", name=f"group_{name}", tasks=[{"name": f"{name}1"}, {"name": f"{name}2"}])
    planner.do(f"/jobs/{job}/task-list")
    planner.do(f"/jobs/{job}/next-task")
    planner.do(f"/jobs/{job}/insert-task-group", task_group="group_a")
    validate = next(row["id"] for row in planner.rows(job) if row["task"] == "validate")
    planner.do(f"/jobs/{job}/insert-task-group", task_group="group_b", at=validate)
    planner.do(f"/jobs/{job}/insert-task-group", task_group="group_c", at="end")
    planner.do(f"/jobs/{job}/insert-task-group", task_group="group_d", at="start")
    rows = planner.rows(job)
    assert [row["task"] for row in rows] == ["d1", "d2", "collect", "a1", "a2", "b1", "b2", "validate", "c1", "c2"]
    assert [row["order"] for row in rows] == list(range(1, 11))
    assert {row["task_group"] for row in rows} == {"sheet", "group_a", "group_b", "group_c", "group_d"}
    for wrong, place in (({"task_group": "x"}, "$.task_group"), ({"task_group": "sheet", "at": 7777}, "$.at")):
        answer = planner.ask("POST", f"/jobs/{job}/insert-task-group", wrong)
        assert (answer.status_code, answer.json()["errors"][0]["place"]) == (422, place)
    assert planner.do(f"/jobs/{job}/next-task") == {"current_task": rows[0]["id"]}, "the lowest order that waits"


def test_the_rest_is_cancelled_and_what_is_under_way_finishes(people: People, planner: Somebody) -> None:
    job = by_hand(planner, people)
    for tool in ("task-list", "next-task", "task-job"):
        planner.do(f"/jobs/{job}/{tool}")
    child = planner.rows(job)[0]["job_id"]
    planner.do(f"/jobs/{child}/actions/start")
    planner.do(f"/jobs/{job}/cancel-remaining-tasks", reason="the sheet is dropped")
    assert planner.statuses(job) == [("collect", 5), ("validate", 0)]
    planner.do(f"/jobs/{child}/actions/complete")
    assert planner.see(f"/jobs/{job}/task-list")["percent_complete"] == 100.0
    assert planner.do(f"/jobs/{job}/next-task") == {"current_task": None}
    assert planner.see(f"/jobs/{job}")["state"] == "Success"
    assert planner.refused(f"/jobs/{job}/insert-task-group", task_group="sheet") == (409, [])


def test_a_definition_is_deleted_once_no_job_has_to_set_its_list(people: People, planner: Somebody) -> None:
    job = by_hand(planner, people)
    refused = planner.ask("DELETE", "/task-groups/sheet")
    assert (refused.status_code, f"job {job} " in refused.json()["detail"]) == (409, True)
    planner.do(f"/jobs/{job}/task-list")
    assert people("ed", groups=("editors",)).ask("DELETE", "/task-groups/sheet").status_code == 403
    assert planner.ask("DELETE", "/task-groups/sheet").status_code == 204
    assert planner.ask("DELETE", "/task-groups/sheet").status_code == 404
    assert planner.statuses(job) == [("collect", 1), ("validate", 1)]
    assert planner.refused(f"/jobs/{job}/insert-task-group", task_group="sheet")[0] == 422
    assert planner.do(f"/jobs/{job}/next-task")["current_task"] == planner.rows(job)[0]["id"]
