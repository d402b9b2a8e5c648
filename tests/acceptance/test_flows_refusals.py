"""What is wrong is refused with its place and the reason, in the agreed order, and never with a 500."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.acceptance.whole_stack import Document, Whole

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("whole")]

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def workflow(whole: Whole) -> str:
    """A workflow with a field of every kind that can be given wrongly."""
    fields = [
        {"name": "number", "type": "int"},
        {"name": "ratio", "type": "float"},
        {"name": "flag", "type": "bool"},
        {"name": "colour", "type": "choice", "choices": ["red", "green"], "required": True},
        {"name": "to", "type": "site", "default": "paris"},
        {"name": "lane", "type": "queue"},
        {"name": "where", "type": "paths"},
        {"name": "seconds", "type": "json", "default": 1},
    ]
    return whole.define({"name": "sleep", "seconds": "*seconds", "site": "*to"}, discovery=None, fields=fields)


def refused(answer: httpx.Response, status: int, *told: tuple[str, str]) -> Document:
    """Check that it is a problem document with these (place, part of the reason), and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail", "errors"} <= set(problem)
    assert problem["status"] == status
    for place, reason in told:
        assert any(error["place"] == place and reason in error["reason"] for error in problem["errors"]), problem
    return problem


def without(key: str) -> Any:
    return lambda body: {name: value for name, value in body.items() if name != key}


def having(**more: Any) -> Any:
    return lambda body: {**body, **more}


def with_fields(**more: Any) -> Any:
    return lambda body: {**body, "fields": {"colour": "red", **more}}


@pytest.mark.parametrize(
    ("change", "place", "reason"),
    [
        (having(workflow="no-such"), "$.workflow", "no-such"),
        (having(workflow=None), "$.workflow", "text"),
        (having(workflow="x" * 5000), "$.workflow", "100"),
        (having(site="rome"), "$.site", "known: london, paris"),
        (having(site="lon\0don"), "$.site", ""),
        (having(site=["london"]), "$.site", "text"),
        (without("workflow"), "$.workflow", "is required"),
        (without("site"), "$.site", "is required"),
        (without("paths"), "$.paths", "is required"),
        (having(priorty=3), "$.priorty", "unknown key"),
        (having(priority=10), "$.priority", "9"),
        (having(priority="5"), "$.priority", "whole number"),
        (having(priority=True), "$.priority", "whole number"),
        (having(queue="no/queue"), "$.queue", "match"),
        (having(discovery="psychic"), "$.discovery", "recursive"),
        (having(not_before="tomorrow"), "$.not_before", "has to be a time"),
        (having(deadline="2020-01-01T00:00:00Z"), "$.deadline", "has passed"),
        (having(paths=[]), "$.paths", "it takes 1"),
        (having(paths="/data"), "$.paths", "list"),
        (having(paths=["ok", ""]), "$.paths[1]", "empty"),
        (having(paths=["a\0b"]), "$.paths[0]", "NUL"),
        (having(paths=[{"path_b64": "AAAA"}]), "$.paths[0].path_b64", "NUL"),
        (having(paths=[{"path_b64": "not base64!"}]), "$.paths[0].path_b64", "base64"),
        (having(paths=[{"size": 1}]), "$.paths[0]", "path"),
        (having(paths=[{"path": "a", "colour": "red"}]), "$.paths[0].colour", "unknown key"),
        (having(paths=[{"path": "a", "size": -1}]), "$.paths[0].size", "0 or more"),
        (having(paths=[{"path": "a", "state": 3}]), "$.paths[0].state", "text"),
        (having(paths=[7]), "$.paths[0]", "text"),
        (having(paths=["\ud800"]), "$", ""),
        (having(paths=["relative"], discovery="recursive"), "$.paths[0]", "absolute"),
        (having(fields=[]), "$.fields", "object"),
        (having(fields={}), "$.fields.colour", "is required"),
        (with_fields(nonsense=1), "$.fields.nonsense", "unknown field"),
        (with_fields(number="7"), "$.fields.number", "whole number"),
        (with_fields(number=10**400), "$.fields.number", "64 bits"),
        (with_fields(ratio="much"), "$.fields.ratio", "number"),
        (with_fields(flag="yes"), "$.fields.flag", "true or false"),
        (with_fields(colour="blue"), "$.fields.colour", "'red', 'green'"),
        (with_fields(to="rome"), "$.fields.to", "unknown site"),
        (with_fields(lane="a b"), "$.fields.lane", "queue"),
        (with_fields(where=["a", 1]), "$.fields.where", "paths"),
        (with_fields(seconds=-1), "$.fields.seconds", "at least 0"),
        (with_fields(seconds={"a": "b"}), "$.fields.seconds", "number"),
    ],
)
def test_a_wrong_job_is_refused_with_its_place(
    whole: Whole, workflow: str, change: Any, place: str, reason: str
) -> None:
    body = change({"workflow": workflow, "site": "london", "paths": ["x"], "fields": {"colour": "red"}})
    answer = whole.http.post("/jobs", content=json.dumps(body), headers={"content-type": "application/json"})
    refused(answer, 422, (place, reason))


def step(**more: Any) -> Any:
    return lambda body: {**body, "filter_rules": [{"action": [{"name": "fs.checksum", **more}]}]}


@pytest.mark.parametrize(
    ("change", "place", "reason"),
    [
        (without("name"), "$.name", "is required"),
        (having(name="Not A Name"), "$.name", "match"),
        (having(nmae="x"), "$.nmae", "unknown key"),
        (having(discovery="psychic"), "$.discovery", "unknown discovery"),
        (having(discovery_options={"depth": 3}), "$.discovery_options.depth", "unknown option"),
        (having(filter_rules=[]), "$.filter_rules", "has to have at least 1"),
        (having(filter_rules=[{"action": []}]), "$.filter_rules[0].action", "1"),
        (having(filter_rules=[{"type": "socket", "action": [{"name": "noop"}]}]), "$.filter_rules[0].type", "one of"),
        (having(fields=[{"name": "a", "type": "colour"}]), "$.fields[0].type", "one of"),
        (having(fields=[{"name": "a"}, {"name": "a"}]), "$.fields", "twice"),
        (step(name="fs.chcksum"), "$.filter_rules[0].action[0].name", "fs.checksum"),
        (step(algoritm="sha256"), "$.filter_rules[0].action[0].algoritm", ""),
        (step(algorithm="crc"), "$.filter_rules[0].action[0].algorithm", "sha256"),
        (step(algorithm="*algorithm"), "$.filter_rules[0].action[0].algorithm", "unknown field"),
        (step(site="rome"), "$.filter_rules[0].action[0].site", "known: london, paris"),
        (step(timeout="soon"), "$.filter_rules[0].action[0].timeout", ""),
        (step(name="fs.copy"), "$.filter_rules[0].action[0].destination", "required"),
    ],
)
def test_a_wrong_workflow_is_refused_with_its_place(whole: Whole, change: Any, place: str, reason: str) -> None:
    good = {"name": f"good_{uuid4().hex}", "discovery": "recursive"}
    body = change(step()(good))
    refused(whole.http.post("/workflows", json=body), 422, (place, reason))
    checked = whole.http.post("/workflows/validate", json=body).json()
    assert not checked["valid"]
    assert place in {error["place"] for error in checked["errors"]}


@pytest.mark.parametrize("path", ["/jobs", "/workflows", "/keys"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000, b"{}"])
def test_what_is_no_document_is_refused(whole: Whole, path: str, body: bytes) -> None:
    answer = whole.http.post(path, content=body, headers={"content-type": "application/json"})
    assert refused(answer, 422)["errors"][0]["place"].startswith("$")


@pytest.mark.parametrize(("path", "size"), [("/jobs", 33 * MIB), ("/workflows", 2 * MIB), ("/keys", 2 * MIB)])
def test_a_huge_body_is_refused(whole: Whole, path: str, size: int) -> None:
    refused(whole.http.post(path, content=b"[" + b" " * size), 413)
    chunks = (b" " * MIB for _ in range(size // MIB))
    refused(whole.http.post(path, content=chunks), 413)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/jobs?limit=0", "?limit"),
        ("/jobs?limit=many", "?limit"),
        ("/jobs?cursor=nonsense", "?cursor"),
        ("/jobs?state=Sleeping", "?state"),
        ("/jobs?colour=red", "?colour"),
        ("/jobs?created_after=yesterday", "?created_after"),
        ("/jobs?parent=-1", "?parent"),
        ("/workflows?limit=501", "?limit"),
    ],
)
def test_a_wrong_question_is_refused(whole: Whole, path: str, place: str) -> None:
    refused(whole.http.get(path), 422, (place, ""))


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/jobs/0", "/jobs/999999999", "/jobs/99999999999999999999", "/jobs/x", "/jobs/-1", "/jobs/1.5",
        "/jobs/999999999/tasks", "/jobs/999999999/events", "/tasks/999999999", "/workflows/no-such",
        "/workflows/%00", "/workflows/%ff", "/sites/rome", "/sites/%2e%2e", "/jobs/1%00",
    ],
)  # fmt: skip
def test_what_is_not_there_is_404(whole: Whole, path: str) -> None:
    refused(whole.http.get(path), 404)


def test_refusals_come_in_their_order(whole: Whole, workflow: str) -> None:
    made = whole.http.post("/keys", json={"user": "admin", "roles": ["viewer"]}).json()
    viewer = {"Authorization": f"Bearer {made['key']}"}
    nobody = {"Authorization": "Bearer tq_nobody"}
    huge = b" " * 33 * MIB
    for path, content in (("/jobs", huge), ("/jobs", b"{"), ("/nothing", b""), ("/workflows/no-such", b"")):
        refused(whole.http.post(path, content=content, headers=nobody), 401)
    anonymous = httpx.post(f"{whole.profile['url']}/api/v1/jobs", content=b"{")
    assert anonymous.headers["www-authenticate"] == "Bearer"
    refused(anonymous, 401)
    for method, path in (("POST", "/jobs"), ("PUT", "/workflows/no-such"), ("DELETE", "/keys/999999999")):
        refused(whole.http.request(method, path, content=b"{", headers=viewer), 403)
    assert whole.http.get("/jobs", headers=viewer).status_code == 200
    refused(whole.http.put("/workflows/no-such", content=b"{"), 404)
    refused(whole.http.get("/jobs/999999999/tasks?limit=0"), 404)
    assert whole.http.patch("/jobs").status_code == 405
    body = {"workflow": workflow, "site": "london", "paths": ["x"], "fields": {"colour": "red", "seconds": 0}}
    key = {"Idempotency-Key": uuid4().hex}
    whole.end(whole.http.post("/jobs", json=body, headers=key).json()["id"])
    refused(whole.http.post("/jobs", json=body | {"paths": []}, headers=key), 409)
    refused(whole.http.post("/jobs", json=body | {"paths": []}), 422)
    assert whole.http.delete(f"/keys/{made['id']}").status_code == 204
    refused(whole.http.get("/jobs", headers=viewer), 401)
