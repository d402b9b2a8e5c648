"""Types of edit jobs: versions, and everything that can be wrong with one."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from orchestrator.services.define import create
from tests.integration.definitions.conftest import offering
from tests.integration.people.conftest import Somebody

__all__ = ["offering"]
STEP = {"workflow": "look", "site": "london", "paths": ["/roads"]}


@pytest.fixture
def workflow(offering: Engine) -> None:
    """A workflow that wants to know its job and where its workspace is."""
    fields = [
        {"name": "job", "type": "int", "required": True},
        {"name": "workspace", "type": "path", "required": True},
        {"name": "colour", "type": "choice", "choices": ["red", "blue"]},
    ]
    rules = [{"action": [{"name": "fs.copy", "destination": "*workspace"}]}]
    with offering.begin() as tx:
        create(tx, {"name": "look", "fields": fields, "filter_rules": rules}, "tester")


def test_every_version_stays(planner: Somebody, workflow: None) -> None:
    first = planner.do("/job-types", name="roads", steps={"extract": STEP, "commit": None})
    assert (first["version"], first["created_by"], first["mode"], first["conflict_retries"]) == (1, "pia", "manual", 0)
    assert list(first["steps"]) == ["extract"]
    assert planner.refused("/job-types", name="roads")[0] == 409
    same = planner.ask("PUT", "/job-types/roads", {"steps": {"extract": STEP}, "quarantine": False}).json()
    assert same["version"] == 1, "the same definition is no new version"
    changed = planner.ask("PUT", "/job-types/roads", {"name": "roads", "mode": "batch", "reviewers": "qa"}).json()
    assert (changed["version"], changed["mode"], changed["steps"]) == (2, "batch", {})
    assert planner.see("/job-types/roads") == changed
    assert [one["version"] for one in planner.see("/job-types/roads/versions")["items"]] == [2, 1]
    assert [one["name"] for one in planner.see("/groups")["items"]] == ["qa"], "a group that is named first is made"
    planner.do("/job-types", name="water")
    assert [(one["name"], one["version"]) for one in planner.see("/job-types")["items"]] == [("roads", 2), ("water", 1)]


def test_a_job_keeps_to_its_version_and_a_type_that_is_gone(planner: Somebody, workflow: None) -> None:
    planner.do("/job-types", name="roads", quarantine=True)
    job = planner.do("/jobs", job_type="roads", name="one")["id"]
    planner.ask("PUT", "/job-types/roads", {"quarantine": False})
    later = planner.do("/jobs", job_type="roads", name="two")
    assert (later["job_type_version"], later["quarantine"]) == (2, False)
    assert planner.ask("DELETE", "/job-types/roads").status_code == 204
    assert planner.ask("DELETE", "/job-types/roads").status_code == 404
    assert planner.ask("GET", "/job-types/roads/versions").status_code == 404
    told = planner.see(f"/jobs/{job}")
    assert (told["job_type"], told["job_type_version"], told["quarantine"]) == ("roads", 1, True)
    planner.do(f"/jobs/{job}/actions/allocate", group="editors")
    assert planner.refused("/jobs", job_type="roads", name="three")[0] == 422
    assert planner.do("/job-types", name="roads")["version"] == 3, "versions are counted on"


@pytest.mark.parametrize(
    ("wrong", "place", "reason"),
    [
        ({"mode": "by hand"}, "$.mode", "has to be one of 'manual', 'batch' or 'read_only'"),
        ({"conflict_retries": -1}, "$.conflict_retries", "greater than or equal to 0"),
        ({"reviewers": "q a"}, "$.reviewers", "has to match"),
        ({"colour": "red"}, "$.colour", "unknown key"),
        ({"steps": {"lunch": STEP}}, "$.steps.lunch", "has to be one of"),
        ({"steps": {"extract": {"workflow": "look"}}}, "$.steps.extract.site", "is required"),
        ({"steps": {"edit": STEP}}, "$", "only mode batch has a step edit"),
        ({"steps": {"publish": STEP}}, "$", "has a step publish, and publish is false"),
        (
            {"steps": {"extract": STEP | {"workflow": "none"}}},
            "$.steps.extract.workflow",
            "there is no workflow 'none'",
        ),
        ({"steps": {"extract": STEP | {"site": "rome"}}}, "$.steps.extract.site", "unknown site 'rome'"),
        ({"steps": {"extract": STEP | {"fields": {"colour": "green"}}}}, "$.steps.extract.fields.colour", "has to be"),
        ({"steps": {"extract": STEP | {"fields": {"size": 1}}}}, "$.steps.extract.fields.size", "unknown field"),
        ({"attributes_schema": {"type": "thing"}}, "$.attributes_schema", "is no JSON Schema"),
    ],
)
def test_what_is_wrong_is_told(
    planner: Somebody, workflow: None, wrong: dict[str, Any], place: str, reason: str
) -> None:
    answer = planner.ask("POST", "/job-types", {"name": "roads", **wrong})
    assert answer.status_code == 422
    fault = answer.json()["errors"][0]
    assert fault["place"].startswith(place), fault
    assert reason in fault["reason"], fault


def test_what_is_wrong_with_a_job_is_told(planner: Somebody, engine: Engine) -> None:
    schema = {"type": "object", "properties": {"sheet": {"type": "integer"}}, "additionalProperties": False}
    planner.do("/job-types", name="roads", attributes_schema=schema)
    for wrong, place in (
        ({"job_type": "rails"}, "$.job_type"),
        ({"name": None}, "$.name"),
        ({"assignee": "nobody"}, "$.assignee"),
        ({"assignee": "pia", "group": "editors"}, "$"),
        ({"allocate": True}, "$"),
        ({"attributes": {"sheet": "one"}}, "$.attributes.sheet"),
        ({"extent": {"type": "Circle"}}, "$.extent"),
        ({"planned_start": "2030-01-02T00:00:00Z", "due_at": "2030-01-01T00:00:00Z"}, "$"),
        ({"depends_on": [{"job": 999}]}, "$.depends_on[0].job"),
    ):
        answer = planner.ask("POST", "/jobs", {"job_type": "roads", "name": "ring road", **wrong})
        assert (answer.status_code, answer.json()["errors"][0]["place"]) == (422, place), answer.text
    with engine.connect() as tx:
        assert tx.execute(text("select count(*) from jobs")).scalar_one() == 0
