"""What of a job can be changed, by whom, and until when."""

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from orchestrator.domain.batch_job import JobState
from tests.integration.api.rows import add_job

PLACE = {"type": "Point", "coordinates": [4.9, 52.4]}
SCHEMA = {"type": "object", "properties": {"sheet": {"type": "integer"}}, "additionalProperties": False}


@pytest.fixture
def job(engine: Engine) -> int:
    with engine.begin() as tx:
        return add_job(tx)


def change(api: httpx.Client, job: int, **changes: Any) -> httpx.Response:
    return api.patch(f"/api/v1/jobs/{job}", json=changes)


def test_what_is_left_out_stays_and_null_takes_away(api: httpx.Client, job: int) -> None:
    due = "2999-01-01T00:00:00Z"
    changed = change(api, job, name="harbour", priority=9, due_at=due, extent=PLACE, attributes={"sheet": 12})
    assert changed.status_code == 200, changed.text
    told = changed.json()
    assert (told["name"], told["priority"], told["due_at"]) == ("harbour", 9, due)
    assert (told["extent"], told["attributes"]) == (PLACE, {"sheet": 12})
    told = change(api, job, due_at=None, extent=None, comment="no hurry").json()
    assert (told["name"], told["due_at"], told["extent"]) == ("harbour", None, None)
    last = api.get(f"/api/v1/jobs/{job}/history").json()["items"][-1]
    assert (last["event"], last["actor"], last["reason"], last["comment"]) == (
        "Edited",
        "admin",
        "due_at None, extent",
        "no hurry",
    )


@pytest.mark.parametrize(
    ("changes", "place", "reason"),
    [
        ({}, "$", "changes nothing"),
        ({"comment": "x"}, "$", "changes nothing"),
        ({"priority": 10}, "$.priority", "less than or equal to 9"),
        ({"state": "Success"}, "$.state", "unknown key"),
        ({"extent": {"type": "Circle"}}, "$.extent", "its type has to be one of"),
        ({"attributes": {"a": "\0"}}, "$.attributes.a", "NUL"),
        ({"assignee": "admin"}, "$.assignee", "tasks and edit jobs are"),
        ({"due_at": "tomorrow"}, "$.due_at", "has to be a time such as 2030-01-31T22:00:00Z"),
        ({"due_at": "2030-01-31T22:00:00"}, "$.due_at", "has no time zone"),
        ({"max_running": 0}, "$.max_running", "greater than or equal to 1"),
        ({"max_running": True}, "$.max_running", "whole number"),
        ({"depends_on": [{"job": 999}]}, "$.depends_on[0].job", "there is no job 999"),
    ],
)
def test_what_is_wrong_is_told(api: httpx.Client, engine: Engine, changes: Any, place: str, reason: str) -> None:
    with engine.begin() as tx:
        job = add_job(tx, state=JobState.PENDING)
    refused = change(api, job, **changes)
    assert refused.status_code == 422, refused.text
    [error] = refused.json()["errors"]
    assert error["place"] == place
    assert reason in error["reason"]


def test_how_much_of_it_runs_at_once(api: httpx.Client, job: int) -> None:
    assert change(api, job, max_running=2).json()["max_running"] == 2
    assert change(api, job, name="harbour").json()["max_running"] == 2
    assert change(api, job, max_running=None).json()["max_running"] is None
    reasons = [entry["reason"] for entry in api.get(f"/api/v1/jobs/{job}/history").json()["items"]]
    assert (reasons[-3], reasons[-1]) == ("max_running 2", "max_running None")


def test_attributes_agree_with_the_schema_of_the_workflow(api: httpx.Client, engine: Engine, job: int) -> None:
    with engine.begin() as tx:
        tx.execute(text("insert into workflows (name, version) values ('copy', 1)"))
        row = """
            insert into workflow_versions (workflow, version, definition, created_by)
            values ('copy', 1, jsonb_build_object('attributes_schema', cast(:schema as jsonb)), 'me')
        """
        tx.execute(text(row), {"schema": httpx.Response(200, json=SCHEMA).text})
    assert change(api, job, attributes={"sheet": 12}).status_code == 200
    refused = change(api, job, attributes={"sheet": "x", "more": 1})
    assert {error["place"] for error in refused.json()["errors"]} == {"$.attributes.sheet", "$.attributes.more"}


def test_what_has_ended_stays_as_it_is(api: httpx.Client, engine: Engine, job: int) -> None:
    with engine.begin() as tx:
        tx.execute(text("update jobs set state = 'Success', ended_at = now()"))
    refused = change(api, job, nonsense=1)
    assert (refused.status_code, refused.json()["legal_events"]) == (409, [])
    assert change(api, 999, name="x").status_code == 404


def test_what_a_job_depends_on_is_changed_until_it_has_begun(api: httpx.Client, engine: Engine, job: int) -> None:
    with engine.begin() as tx:
        other = add_job(tx, state=JobState.PENDING)
    told = change(api, other, depends_on=[{"job": job}]).json()
    assert told["depends_on"] == [{"job": job, "state": "Success", "met": None}]
    assert api.get(f"/api/v1/jobs/{other}/why").json()["items"][0]["cause"] == "waits_for_job"
    circle = change(api, job, depends_on=[{"job": other}])
    assert circle.status_code == 409, "it has begun"
    assert change(api, other, depends_on=[{"job": other}]).status_code == 409
    assert change(api, other, depends_on=[]).json()["depends_on"] == []


def test_no_job_that_there_is_can_be_deleted(api: httpx.Client, job: int) -> None:
    refused = api.delete(f"/api/v1/jobs/{job}")
    assert refused.status_code == 409
    assert "CancelRequested" in refused.json()["legal_events"]
    assert api.delete("/api/v1/jobs/999").status_code == 404
