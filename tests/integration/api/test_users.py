"""Users and groups: made, named for the first time, changed, deleted; and keys that reach one site only."""

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from orchestrator.domain.batch_job import JobState
from tests.integration.api.rows import add_job


@pytest.fixture
def app(broker_app: FastAPI) -> FastAPI:
    return broker_app


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_user_is_made_with_roles_and_groups_and_seen(api: httpx.Client, engine: Engine) -> None:
    body = {"name": "ann", "roles": ["worker"], "groups": ["qa", "field"], "password": "correct horse"}
    made = api.post("/api/v1/users", json=body)
    assert made.status_code == 201, made.text
    assert made.json() | {"created_at": ""} == {
        "name": "ann", "roles": ["worker"], "groups": ["field", "qa"], "created_at": ""
    }  # fmt: skip
    again = api.post("/api/v1/users", json=body)
    assert again.status_code == 409
    assert [group["name"] for group in api.get("/api/v1/groups").json()["items"]] == ["field", "qa"]
    assert api.get("/api/v1/groups/qa").json()["members"] == ["ann"]
    assert [user["name"] for user in api.get("/api/v1/users").json()["items"]] == ["admin", "ann"]
    with engine.connect() as tx:
        kept = tx.execute(text("select password_hash from users where name = 'ann'")).scalar_one()
    assert kept.startswith("scrypt$")
    assert "horse" not in kept + made.text + api.get("/api/v1/users/ann").text


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"roles": ["worker"]}, "$.name"),
        ({"name": "a b", "roles": ["worker"]}, "$.name"),
        ({"name": "ann", "roles": []}, "$.roles"),
        ({"name": "ann", "roles": ["king"]}, "$.roles[0]"),
        ({"name": "ann", "roles": ["worker"], "password": "short"}, "$.password"),
        ({"name": "ann", "roles": ["worker"], "groups": ["a/b"]}, "$.groups[0]"),
    ],
)
def test_what_is_wrong_with_a_user_is_told(api: httpx.Client, body: dict[str, object], place: str) -> None:
    answer = api.post("/api/v1/users", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["place"] == place


def test_a_change_counts_at_once(api: httpx.Client, anonymous: httpx.Client) -> None:
    api.post("/api/v1/users", json={"name": "ann", "roles": ["viewer"]})
    key = bearer(api.post("/api/v1/keys", json={"user": "ann"}).json()["key"])
    assert anonymous.get("/api/v1/keys", headers=key).status_code == 403
    assert api.patch("/api/v1/users/ann", json={"roles": ["admin"], "groups": ["qa"]}).json()["groups"] == ["qa"]
    assert anonymous.get("/api/v1/keys", headers=key).status_code == 200
    assert api.post("/api/v1/groups", json={"name": "qa", "members": ["admin"]}).json()["members"] == ["admin", "ann"]
    assert api.post("/api/v1/groups", json={"name": "qa", "members": ["eve"]}).status_code == 422
    assert api.delete("/api/v1/groups/qa").status_code == 204
    assert api.get("/api/v1/users/ann").json()["groups"] == []
    assert api.delete("/api/v1/groups/qa").status_code == 404
    assert api.delete("/api/v1/users/ann").status_code == 204
    assert anonymous.get("/api/v1/keys", headers=key).status_code == 401
    assert api.get("/api/v1/users/ann").status_code == api.patch("/api/v1/users/ann", json={}).status_code == 404


def test_somebody_can_always_make_users(api: httpx.Client) -> None:
    assert api.delete("/api/v1/users/admin").status_code == 409
    assert api.patch("/api/v1/users/admin", json={"roles": ["viewer"]}).status_code == 409
    assert api.post("/api/v1/users", json={"name": "ann", "roles": ["admin"]}).status_code == 201
    assert api.patch("/api/v1/users/admin", json={"roles": ["viewer"]}).status_code == 200


def test_who_has_work_is_not_deleted(api: httpx.Client, engine: Engine) -> None:
    api.post("/api/v1/users", json={"name": "ann", "roles": ["worker"], "groups": ["qa"]})
    with engine.begin() as tx:
        job = add_job(tx, assignee="ann", assigned_group="qa")
    assert f"job {job} is assigned to ann" in api.delete("/api/v1/users/ann").json()["detail"]
    assert api.delete("/api/v1/groups/qa").status_code == 409


def test_only_an_admin_makes_users(api: httpx.Client, anonymous: httpx.Client) -> None:
    for role in ("viewer", "worker", "operator", "planner", "reviewer"):
        api.post("/api/v1/users", json={"name": role, "roles": [role]})
        key = bearer(api.post("/api/v1/keys", json={"user": role}).json()["key"])
        assert anonymous.get("/api/v1/users", headers=key).status_code == 200
        for method, path in (("POST", "users"), ("PATCH", "users/x"), ("DELETE", "users/x"), ("POST", "groups")):
            assert anonymous.request(method, f"/api/v1/{path}", headers=key, json={}).status_code == 403


def test_a_key_that_is_bound_to_a_site_reaches_no_other(
    api: httpx.Client, anonymous: httpx.Client, engine: Engine
) -> None:
    assert api.post("/api/v1/keys", json={"user": "admin", "site": "mars"}).status_code == 422
    with engine.begin() as tx:
        tx.execute(text("insert into sites (name) values ('london'), ('paris')"))
        here, there = (add_job(tx, state=JobState.STARTED, site=site) for site in ("london", "paris"))
    key = bearer(api.post("/api/v1/keys", json={"user": "admin", "site": "london"}).json()["key"])
    assert api.get("/api/v1/keys").json()["items"][0]["site"] == "london"

    def asked(method: str, path: str, **body: object) -> int:
        return anonymous.request(method, f"/api/v1/{path}", headers=key, json=body).status_code

    assert asked("POST", f"jobs/{here}/pause") == 202
    assert asked("POST", f"jobs/{there}/pause") == 403
    assert asked("POST", f"jobs/{there}/redrive") == 403
    assert asked("POST", "jobs", workflow="w", site="paris", paths=["/a"]) == 403
    assert asked("POST", "jobs", workflow="w", site="london", paths=["/a"]) == 422
    assert asked("POST", "sites/london/drain") == 202
    assert asked("POST", "sites/paris/drain") == 403
    assert asked("POST", "sites/london/restart") == 202
    assert asked("POST", "sites/paris/restart") == 403
    assert asked("POST", "holds", scope={"site": "paris"}, reason="r") == 403
    assert asked("POST", "holds", scope={"site": "london"}, reason="r") == 201
    assert asked("POST", "users", name="eve", roles=["admin"]) == 403, "what is for the whole is not for this key"
    assert asked("GET", f"jobs/{there}") == 200
