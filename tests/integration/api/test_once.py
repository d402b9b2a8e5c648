"""Idempotency-Key on whatever makes something, and If-Match on definitions."""

import threading
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import Engine, text

from orchestrator.api.app import ROUTERS
from orchestrator.domain.batch_job import JobState
from tests.integration.api.rows import add_job

WORKFLOW = {"name": "look", "filter_rules": [{"action": [{"name": "review", "manual": True}]}]}
MAKERS: list[tuple[str, dict[str, Any], str]] = [
    ("holds", {"scope": {"owner": "admin"}, "reason": "a look"}, "id"),
    ("users", {"name": "ann", "roles": ["worker"]}, "name"),
    ("groups", {"name": "qa", "members": ["admin"]}, "name"),
    ("workflows", WORKFLOW, "name"),
    ("task-groups", {"name": "sheet", "tasks": [{"name": "draw"}]}, "name"),
    ("webhooks", {"url": "https://example.org/jobs"}, "id"),
]


@pytest.mark.parametrize(("path", "body", "id"), MAKERS, ids=[path for path, _, _ in MAKERS])
def test_asked_again_it_is_the_same_and_another_body_is_refused(
    api: httpx.Client, path: str, body: dict[str, Any], id: str
) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = api.post(f"/api/v1/{path}", json=body, headers=headers)
    assert first.status_code == 201, first.text
    again = api.post(f"/api/v1/{path}", json=body, headers=headers)
    assert (again.status_code, again.json()[id]) == (200, first.json()[id])
    others = {"members": []} if path == "groups" else {"description": "x"}
    assert api.post(f"/api/v1/{path}", json=body | others, headers=headers).status_code in (409, 422)
    other = api.post(f"/api/v1/{path}?", json={**body, "name": "other"}, headers=headers)
    assert other.status_code in (409, 422)


def test_a_key_is_shown_once_whatever_is_repeated(api: httpx.Client, engine: Engine) -> None:
    headers = {"Idempotency-Key": "k-1"}
    made = api.post("/api/v1/keys", json={"user": "admin"}, headers=headers).json()
    again = api.post("/api/v1/keys", json={"user": "admin"}, headers=headers)
    assert again.status_code == 409
    assert f"key {made['id']} was made for this Idempotency-Key" in again.json()["detail"]
    with engine.begin() as tx:
        assert made["key"] not in str(tx.execute(text("select * from made_once")).all())


def test_an_attachment_and_a_redrive_are_made_once(api: httpx.Client, engine: Engine) -> None:
    with engine.begin() as tx:
        job = add_job(tx)
        left = add_job(tx, state=JobState.FAILURE, ended_at=datetime.now(UTC))
        tx.execute(
            text("""insert into outcomes (job_id, task_id, index, outcome, path, error_class, message, fingerprint)
                 values (:job, 0, 0, 'failed', '/a', 'OSError', 'bad', 'f')"""),
            {"job": left},
        )
    headers = {"Idempotency-Key": "k-1"}
    attached = [
        api.post(f"/api/v1/jobs/{job}/attachments?name=a.txt", content=b"what", headers=headers) for _ in range(2)
    ]
    assert [one.status_code for one in attached] == [201, 200], attached[1].text
    assert attached[0].json() == attached[1].json()
    other = api.post(f"/api/v1/jobs/{job}/attachments?name=a.txt", content=b"else", headers=headers)
    assert other.status_code == 409
    redriven = [api.post(f"/api/v1/jobs/{left}/redrive", headers={"Idempotency-Key": "k-2"}) for _ in range(2)]
    assert [one.status_code for one in redriven] == [201, 200], redriven[0].text
    assert redriven[0].json()["id"] == redriven[1].json()["id"]


def test_twins_make_one(api: httpx.Client, engine: Engine) -> None:
    answers: list[httpx.Response] = []

    def ask() -> None:
        body = {"scope": {"owner": "admin"}, "reason": "a look"}
        with httpx.Client(base_url=api.base_url, headers=api.headers, trust_env=False, timeout=30) as client:
            answers.append(client.post("/api/v1/holds", json=body, headers={"Idempotency-Key": "twin"}))

    twins = [threading.Thread(target=ask) for _ in range(8)]
    for twin in twins:
        twin.start()
    for twin in twins:
        twin.join()
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_what_was_refused_has_used_no_key(api: httpx.Client) -> None:
    headers = {"Idempotency-Key": "k-1"}
    assert api.post("/api/v1/holds", json={"scope": {"job": 99}, "reason": "x"}, headers=headers).status_code == 422
    made = api.post("/api/v1/holds", json={"scope": {"owner": "admin"}, "reason": "x"}, headers=headers)
    assert made.status_code == 201


AS_THEY_ARE = {"create_task_job"}
"""Routes that are the same asked twice by what they do."""


def test_every_route_that_makes_something_takes_a_key() -> None:
    without = [
        route.name
        for _, router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.status_code == 201 and "Idempotency-Key" not in str(headers_of(route))
    ]
    assert set(without) == AS_THEY_ARE


def headers_of(route: APIRoute) -> list[str]:
    dependants, names = [route.dependant], list[str]()
    while dependants:
        one = dependants.pop()
        names += [field.alias for field in one.header_params]
        dependants += one.dependencies
    return names


@pytest.mark.parametrize(
    ("path", "name", "body"), [("workflows", "look", WORKFLOW), ("task-groups", "sheet", MAKERS[4][1])]
)
def test_a_definition_is_changed_only_while_it_is_the_one_that_was_read(
    api: httpx.Client, path: str, name: str, body: dict[str, Any]
) -> None:
    where = f"/api/v1/{path}/{name}"
    assert api.post(f"/api/v1/{path}", json=body).status_code == 201
    tag = api.get(where).headers["etag"]
    assert tag.startswith('"')
    mine = api.put(where, json=body | {"label": "mine"}, headers={"If-Match": tag})
    assert mine.status_code == 200
    assert mine.headers["etag"] == api.get(where).headers["etag"] != tag
    theirs = api.put(where, json=body | {"label": "theirs"}, headers={"If-Match": tag})
    assert (theirs.status_code, theirs.json()["title"]) == (412, "Precondition Failed")
    assert mine.headers["etag"] in theirs.json()["detail"]
    assert api.get(where).json()["label"] == "mine"
    assert api.delete(where, headers={"If-Match": tag}).status_code == 412
    assert api.put(where, json=body | {"label": "any"}, headers={"If-Match": "*"}).status_code == 200
    assert api.put(where, json=body | {"label": "last"}).status_code == 200, "who says nothing means whichever there is"
    now = api.get(where).headers["etag"]
    assert api.delete(where, headers={"If-Match": f'"x", {now}'}).status_code == 204
    assert api.put(where, json=body, headers={"If-Match": now}).status_code == 404
