"""What planners do with edit jobs: change, revoke, abandon, retry, archive and delete them; and whose they are."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Engine, text

from orchestrator.domain.retention import Periods
from orchestrator.services.prune import prune
from tests.integration.people.conftest import People, Somebody

SOON, LATER = "2030-01-31T22:00:00Z", "2031-01-31T22:00:00Z"


@pytest.fixture
def ed(people: People) -> Somebody:
    return people("ed", groups=("editors",))


def new(planner: Somebody, **more: object) -> int:
    if planner.ask("GET", "/job-types/roads").status_code == 404:
        planner.do("/job-types", name="roads")
    return planner.do("/jobs", **{"job_type": "roads", "name": "ring road", **more})["id"]


def put_into(engine: Engine, job: int, state: str, **columns: object) -> None:
    """The job as it is after a while."""
    values = {"claimed_by": "ed", **columns}
    sets = ", ".join(f"{name} = :{name}" for name in values)
    with engine.begin() as tx:
        tx.execute(
            text(f"update jobs set state = :state, {sets} where id = :job"), {"job": job, "state": state, **values}
        )


def change(who: Somebody, job: int, **changes: object) -> tuple[int, Sequence[str]]:
    """The status, and the places of what is wrong."""
    answer = who.ask("PATCH", f"/jobs/{job}", changes)
    return answer.status_code, [fault["place"] for fault in answer.json().get("errors") or ()]


def test_almost_all_can_be_changed_while_it_is_proposed(people: People, planner: Somebody, ed: Somebody) -> None:
    job = new(planner)
    point = {"type": "Point", "coordinates": [4.9, 52.4]}
    wanted = {"name": "bypass", "extent": point, "attributes": {"sheet": 3}, "priority": 8, "planned_start": SOON}
    assert change(planner, job, **wanted, due_at=LATER, group="editors") == (200, [])
    told = planner.see(f"/jobs/{job}")
    assert {name: told[name] for name in wanted} == wanted
    assert (told["group"], told["assignee"], told["due_at"], told["state"]) == ("editors", None, LATER, "Proposed")
    assert change(planner, job, assignee="ed") == (200, [])
    people("eve")
    assert change(planner, job, assignee="eve") == (422, ["$.assignee"]), "she is not in the group"
    assert change(planner, job, assignee="eve", group=None) == (200, [])
    assert change(planner, job, name=None) == (422, ["$.name"])
    assert change(people("op", "operator"), job, priority=1)[0] == 403
    assert ed.ask("PATCH", f"/jobs/{job}", {"priority": 1}).status_code == 403


def test_what_can_be_changed_later(people: People, planner: Somebody, ed: Somebody, engine: Engine) -> None:
    job = new(planner, group="editors", allocate=True)
    people("eve", groups=("editors",))
    for late in ({"name": "bypass"}, {"extent": None}, {"attributes": {}}, {"group": "others"}):
        answer = planner.ask("PATCH", f"/jobs/{job}", late)
        assert (answer.status_code, answer.json()["legal_events"]) == (409, ["Revoke", "Abandon"]), late
    assert change(planner, job, due_at=SOON, planned_start=SOON, priority=9) == (200, [])
    assert change(planner, job, assignee="pia") == (422, ["$.assignee"])
    assert change(planner, job, assignee="eve") == (200, [])
    assert ed.see(f"/jobs/{job}")["legal_events"] == [], "it is hers now"
    assert ed.refused(f"/jobs/{job}/actions/activate")[0] == 403
    assert change(planner, job, assignee=None) == (200, [])
    put_into(engine, job, "Downloaded")
    assert change(planner, job, assignee="eve")[0] == 409, "ed has it"
    assert change(planner, job, due_at=LATER) == (200, [])
    put_into(engine, job, "Completed", ended_at="2020-01-01")
    assert change(planner, job, priority=1)[0] == 409
    alone = new(planner, assignee="ed", allocate=True)
    assert change(planner, alone, assignee="eve")[0] == 409, "it is of no group"


def test_only_what_is_proposed_is_deleted(people: People, planner: Somebody, ed: Somebody, engine: Engine) -> None:
    job = new(planner, group="editors")
    waits = planner.do("/jobs", job_type="roads", name="after", depends_on=[{"job": job}])["id"]
    assert ed.ask("DELETE", f"/jobs/{job}").status_code == 403
    assert people("op", "operator").ask("DELETE", f"/jobs/{job}").status_code == 403
    planner.do(f"/jobs/{job}/actions/allocate")
    refused = planner.ask("DELETE", f"/jobs/{job}")
    assert (refused.status_code, refused.json()["legal_events"]) == (409, ["Revoke", "Abandon"])
    planner.do(f"/jobs/{job}/actions/revoke", reason="not yet")
    assert planner.ask("DELETE", f"/jobs/{job}").status_code == 409, "its workspace is being cleared away"
    with engine.begin() as tx:
        tx.execute(text("update edit_jobs set discard = false"))
        insert = "insert into jobs (owner, kind, state, parent_id, ended_at) values ('pia', :kind, :state, :job, now())"
        for kind, state in (("batch", "Success"), ("correction", "Completed")):
            tx.execute(text(insert), {"kind": kind, "state": state, "job": job})
    assert planner.ask("DELETE", f"/jobs/{job}").status_code == 204
    assert planner.ask("GET", f"/jobs/{job}").status_code == 404
    assert [(one["kind"], one["parent_id"]) for one in planner.see("/jobs")["items"]] == [
        ("batch", None),
        ("edit", None),
    ]
    assert planner.see(f"/jobs/{waits}")["depends_on"][0]["met"] is False


def test_revoking_needs_a_reason_and_takes_it_back(planner: Somebody, ed: Somebody, engine: Engine) -> None:
    job = new(planner, group="editors", allocate=True)
    ed.do(f"/jobs/{job}/actions/activate")
    put_into(engine, job, "Downloaded")
    assert planner.refused(f"/jobs/{job}/actions/revoke")[0] == 422
    assert planner.refused(f"/jobs/{job}/actions/revoke", reason="")[0] == 422
    told = planner.do(f"/jobs/{job}/actions/revoke", reason="the survey is wrong", comment="sorry")
    assert (told["state"], told["claimed_by"], told["started_at"]) == ("Proposed", None, None)
    assert told["reason"] == "the survey is wrong"
    assert (told["group"], ed.see("/worklist")["items"]) == ("editors", [])
    assert ed.refused(f"/jobs/{job}/actions/upload")[0] == 409, "what he has can not be uploaded"


def test_what_is_abandoned_is_retried_from_the_start(planner: Somebody, ed: Somebody, engine: Engine) -> None:
    job = new(planner, group="editors", allocate=True)
    put_into(engine, job, "Downloaded")
    planner.do("/holds", scope={"job": job}, reason="a look")
    assert planner.see(f"/jobs/{job}")["legal_events"] == ["Abandon"], "a hold does not stop that"
    told = planner.do(f"/jobs/{job}/actions/abandon", reason="no longer needed")
    assert (told["state"], told["legal_events"], told["holds"]) == ("Abandoned", ["Archive", "Retry"], [])
    assert told["ended_at"] is not None
    assert planner.see(f"/holds?job={job}")["items"] == []
    assert planner.refused(f"/jobs/{job}/actions/allocate", group="editors")[0] == 409
    told = planner.do(f"/jobs/{job}/actions/retry")
    assert (told["state"], told["claimed_by"], told["ended_at"]) == ("Allocated", None, None)
    assert [item["job_id"] for item in ed.see("/worklist")["items"]] == [job]


def test_what_is_archived_is_hidden_unless_asked_for(people: People, planner: Somebody, engine: Engine) -> None:
    done, gone, goes_on = (new(planner, name=name) for name in ("done", "gone", "goes on"))
    put_into(engine, done, "Completed", ended_at="2020-01-01")
    put_into(engine, gone, "Abandoned", ended_at="2021-01-01")
    assert people("op", "operator").refused("/jobs/archive", jobs=[done])[0] == 403
    assert planner.refused("/jobs/archive")[0] == 422
    assert planner.refused("/jobs/archive", jobs=[done], ended_before=SOON)[0] == 422
    told = planner.do("/jobs/archive", jobs=[goes_on, done, 999], reason="last year's")
    assert told["archived"] == [done]
    assert [(one["job"], one["reason"].split(":")[0]) for one in told["refused"]] == [
        (goes_on, "edit job in Proposed"), (999, "there is no job 999"),
    ]  # fmt: skip
    assert planner.do("/jobs/archive", ended_before="2020-06-01T00:00:00Z")["archived"] == []
    assert planner.do("/jobs/archive", ended_before=SOON, job_type="rails")["archived"] == []
    assert planner.do("/jobs/archive", ended_before=SOON, job_type="roads") == {
        "archived": [gone], "refused": [], "more": False,
    }  # fmt: skip
    assert [one["id"] for one in planner.see("/jobs")["items"]] == [goes_on]
    assert [one["id"] for one in planner.see("/jobs?archived=true")["items"]] == [goes_on, gone, done]
    assert [one["id"] for one in planner.see("/jobs?state=Archived")["items"]] == [gone, done]
    told = planner.see(f"/jobs/{done}")
    assert (told["state"], told["legal_events"], told["reason"]) == ("Archived", [], "last year's")
    assert told["ended_at"] == "2020-01-01T00:00:00Z", "it ended when it was done"


def test_what_has_ended_is_pruned_when_its_time_is_over(planner: Somebody, engine: Engine) -> None:
    for state in ("Completed", "Archived", "Abandoned", "Failed"):
        past = None if state == "Failed" else "2020-01-01"
        put_into(engine, new(planner, name=state), state, ended_at=past)
    prune(engine, Periods(success=1))
    assert [one["name"] for one in planner.see("/jobs?archived=true")["items"]] == ["Failed", "Abandoned"]
    prune(engine, Periods(cancelled=1))
    assert [one["name"] for one in planner.see("/jobs?archived=true")["items"]] == ["Failed"]


def test_worklists_and_what_is_late(people: People, planner: Somebody, ed: Somebody, engine: Engine) -> None:
    past = "2020-01-01T00:00:00Z"
    new(planner, group="editors")
    job = new(planner, group="editors", allocate=True, planned_start=past, due_at=LATER, priority=7)
    (item,) = ed.see("/worklist")["items"]
    assert (item["job_id"], item["kind"], item["state"], item["legal_events"]) == (
        job,
        "edit",
        "Allocated",
        ["Activate"],
    )
    assert (item["planned_start"], item["start_overdue"], item["overdue"]) == (past, True, False)
    ed.do(f"/jobs/{job}/actions/activate")
    assert ed.see("/worklist")["items"] == [], "it is the system's turn"
    told = ed.see(f"/jobs/{job}")
    assert (told["start_overdue"], told["stage"], told["claimed_by"]) == (False, "extracting", "ed")
    put_into(engine, job, "Prepared", due_at=past)
    (item,) = ed.see("/worklist")["items"]
    assert (item["overdue"], item["assignee"], item["legal_events"]) == (True, "ed", ["Download", "Relinquish"])
    assert people("eve", groups=("editors",)).see("/worklist")["items"] == []
    assert [one["job_id"] for one in planner.see("/worklist?all=true")["items"]] == [job]
    assert planner.see(f"/jobs/{job}")["overdue"]


def test_reviews_of_nobody_are_for_all_who_review(people: People, planner: Somebody, engine: Engine) -> None:
    job = new(planner, quarantine=True)
    put_into(engine, job, "Quarantined")
    with engine.begin() as tx:
        made = text(
            "insert into jobs (owner, kind, state, parent_id, name) values ('pia', 'review', 'Allocated', :job, 'x')"
        )
        tx.execute(made, {"job": job})
        review: int = tx.execute(text("select max(id) from jobs")).scalar_one()
        copied = "insert into edit_jobs (job_id, job_type, job_type_version, mode, quarantine) "
        tx.execute(text(copied + "values (:job, 'roads', 1, 'manual', false)"), {"job": review})
    rita, ed = people("rita", "reviewer"), people("ed")
    assert [item["job_id"] for item in rita.see("/worklist")["items"]] == [review]
    assert (ed.see("/worklist")["items"], planner.see("/worklist")["items"]) == ([], [])
    for somebody in (ed, planner, people.admin):
        assert somebody.refused(f"/jobs/{review}/actions/review-approved")[0] == 403
    for event in ("revoke", "abandon", "archive", "retry"):
        assert planner.refused(f"/jobs/{review}/actions/{event}", reason="x")[0] == 409, "it goes with its parent"
    assert planner.ask("DELETE", f"/jobs/{review}").status_code == 409
    rita.do(f"/jobs/{review}/actions/review-rejected", comment="start again")
    told = planner.see(f"/jobs/{job}")
    assert (told["state"], told["stage"]) == ("Downloaded", None)
    assert planner.see(f"/jobs/{job}/history")["items"][-1]["comment"] == "start again"
