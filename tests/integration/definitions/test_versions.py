"""Versions of workflows: looked at, compared, pinned; and the schema of what a definition may say."""

import json
from typing import Any

import httpx
import jsonschema
import pytest

from orchestrator.services.ship import shipped


@pytest.fixture
def versions(api: httpx.Client, copying: dict[str, Any]) -> list[dict[str, Any]]:
    """Three versions: as it is, with another time limit, and with one step in front."""
    second = json.loads(json.dumps(copying))
    second["filter_rules"][0]["action"][1]["timeout"] = "5m"
    third = json.loads(json.dumps(second))
    third["filter_rules"][0]["action"].insert(0, {"name": "noop"})
    third["label"] = "Third"
    assert api.post("/workflows", json=copying).status_code == 201
    for number, definition in enumerate((second, third), 2):
        assert api.put("/workflows/verify_and_copy", json=definition).json()["version"] == number
    return [copying, second, third]


def told(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(one["change"], one["place"]) for one in answer.raise_for_status().json()["changes"]]


def test_one_version(api: httpx.Client, versions: list[Any]) -> None:
    for number, timeout in ((1, 600), (2, 300)):
        found = api.get(f"/workflows/verify_and_copy/versions/{number}").raise_for_status().json()
        assert found["version"] == number
        assert found["filter_rules"][0]["action"][1]["timeout"] == timeout
    for number in (4, 0, 2**31, "x"):
        assert api.get(f"/workflows/verify_and_copy/versions/{number}").status_code in (404, 422)
    assert api.get("/workflows/verify_and_copy/versions/4").status_code == 404


def test_the_difference_between_two(api: httpx.Client, versions: list[Any]) -> None:
    url = "/workflows/verify_and_copy/diff"
    assert told(api.get(url)) == [("added", "$.filter_rules[0].action[0]"), ("added", "$.label")]
    answer = api.get(url, params={"from": 1, "to": 2}).json()
    assert (answer["name"], answer["from"], answer["to"]) == ("verify_and_copy", 1, 2)
    assert answer["changes"] == [
        {"place": "$.filter_rules[0].action[1].timeout", "change": "changed", "before": 600.0, "after": 300.0}
    ]
    assert told(api.get(url, params={"to": 2})) == [("changed", "$.filter_rules[0].action[1].timeout")]
    assert told(api.get(url, params={"from": 3, "to": 3})) == []
    assert ("removed", "$.label") in told(api.get(url, params={"from": 3, "to": 1}))
    assert api.get(url, params={"to": 9}).status_code == 404
    assert api.get(url, params={"from": 0}).status_code == 422
    assert api.get("/workflows/none/diff").status_code == 404


def test_a_job_may_name_its_version(api: httpx.Client, versions: list[Any]) -> None:
    body = {"workflow": "verify_and_copy", "site": "london", "paths": ["/data"], "fields": {"to": "paris"}}
    for asked, expected in ((1, 1), (3, 3), (None, 3)):
        said = body if asked is None else body | {"workflow_version": asked}
        job = api.post("/jobs", json=said).json()
        assert job["workflow_version"] == expected
        assert len([step for step in job["steps"] if step["rule"] == 0]) == len(
            versions[expected - 1]["filter_rules"][0]["action"]
        )
    api.put("/workflows/verify_and_copy", json=versions[2] | {"enabled": False}).raise_for_status()
    assert api.post("/jobs", json=body | {"workflow_version": 1}).status_code == 409, "the newest says that it is off"


def test_the_schema_takes_what_the_service_takes(api: httpx.Client, copying: dict[str, Any]) -> None:
    schema = api.get("/workflows/schema").raise_for_status().json()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for definition in (copying, *(workflow.canonical() for workflow in shipped())):
        validator.validate(definition)
    for wrong in (copying | {"rules": []}, copying | {"name": "A B"}, copying | {"filter_rules": []}):
        assert not validator.is_valid(wrong)


def test_no_workflow_has_the_name_of_an_address(api: httpx.Client, copying: dict[str, Any]) -> None:
    answer = api.post("/workflows", json=copying | {"name": "schema"})
    assert (answer.status_code, answer.json()["errors"][0]["place"]) == (422, "$.name")
