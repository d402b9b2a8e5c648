"""Keys: made, shown once, used, narrowed, expired, revoked."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from httpx import Client
from sqlalchemy import Engine, insert, select, text, update

from orchestrator.api.callers import Callers
from orchestrator.domain.roles import Permission, Role
from orchestrator.errors import Invalid, NotFound, Unauthenticated
from orchestrator.services.keys import check_key, ensure_admin_key, make_key, revoke_key
from orchestrator.storage.tables import api_keys, users, workflow_versions, workflows
from tests.integration.api.rows import add_job


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_key_is_made_shown_once_used_and_revoked(api: Client, anonymous: Client):
    made = api.post("/api/v1/keys", json={"user": "admin", "label": "page", "roles": ["viewer"]})
    assert made.status_code == 201
    key = made.json()["key"]
    assert anonymous.get("/api/v1/jobs", headers=bearer(key)).status_code == 200
    assert anonymous.get("/api/v1/keys", headers=bearer(key)).status_code == 403
    listed = api.get("/api/v1/keys").json()["items"]
    assert tuple(listed[0][name] for name in ("id", "user", "label", "roles")) == (
        made.json()["id"],
        "admin",
        "page",
        ["viewer"],
    )
    assert listed[0]["last_used_at"] is not None
    assert key not in api.get("/api/v1/keys").text
    for _ in range(2):
        assert api.delete(f"/api/v1/keys/{made.json()['id']}").status_code == 204
    assert anonymous.get("/api/v1/jobs", headers=bearer(key)).status_code == 401
    assert api.delete("/api/v1/keys/987654").status_code == 404
    assert api.get("/api/v1/keys?limit=1").json()["next_cursor"] is not None


def test_only_the_hash_is_kept(engine: Engine):
    key = ensure_admin_key(engine)
    with engine.connect() as tx:
        row = tx.execute(select(api_keys)).one()
    assert key.split("_")[1] == row.prefix
    assert key.split("_", 2)[2] not in str(row)
    assert len(row.hash) == 32


def test_a_key_expires(engine: Engine):
    key = ensure_admin_key(engine)
    with engine.begin() as tx:
        late = make_key(tx, "admin", expires_at=datetime.now(UTC) + timedelta(hours=1)).plain
    assert check_key(engine, late).user == "admin"
    with engine.begin() as tx:
        tx.execute(update(api_keys).where(api_keys.c.expires_at.is_not(None)).values(expires_at=text("now()")))
    with pytest.raises(Unauthenticated):
        check_key(engine, late)
    assert check_key(engine, key).roles == {Role.ADMIN}


def test_a_key_is_never_above_its_owner(engine: Engine):
    ensure_admin_key(engine, "chief")
    with engine.begin() as tx:
        tx.execute(users.insert().values(name="ann", roles=["operator"]))
        whole, narrow = make_key(tx, "ann").plain, make_key(tx, "ann", roles=[Role.VIEWER]).plain
        with pytest.raises(Invalid) as refused:
            make_key(tx, "ann", roles=[Role.ADMIN])
        chiefs = make_key(tx, "chief", roles=[Role.OPERATOR]).plain
    assert refused.value.faults[0].place == "$.roles"
    assert check_key(engine, whole).may(Permission.SUBMIT)
    assert not check_key(engine, narrow).may(Permission.SUBMIT)
    assert check_key(engine, chiefs).roles == {Role.OPERATOR}
    with engine.begin() as tx:
        tx.execute(update(users).values(roles=["viewer"]))
    assert check_key(engine, chiefs).roles == frozenset()
    assert check_key(engine, whole).roles == {Role.VIEWER}


def test_use_is_noted_at_most_once_a_minute(engine: Engine):
    key = ensure_admin_key(engine)

    def used() -> datetime:
        check_key(engine, key)
        with engine.connect() as tx:
            return tx.execute(select(api_keys.c.last_used_at)).scalar_one()

    first = used()
    assert used() == first
    with engine.begin() as tx:
        tx.execute(update(api_keys).values(last_used_at=first - timedelta(seconds=61)))
    assert used() > first


def test_what_is_remembered_is_forgotten_in_five_seconds(engine: Engine):
    now = 0.0
    callers = Callers(engine, clock=lambda: now)
    key = ensure_admin_key(engine)
    caller = callers.check(key)
    with engine.begin() as tx:
        revoke_key(tx, caller.key_id)
        with pytest.raises(NotFound):
            revoke_key(tx, 987654)
    now = 3.9
    assert callers.recall(key) == caller
    now = 4.9
    assert callers.recall(key) is None
    with pytest.raises(Unauthenticated):
        callers.check(key)


def test_a_key_is_rotated_and_both_work_for_the_overlap(api: Client, anonymous: Client, engine: Engine):
    ends = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    old = api.post(
        "/api/v1/keys", json={"user": "admin", "label": "ci", "roles": ["viewer"], "expires_at": ends}
    ).json()
    answer = api.post(f"/api/v1/keys/{old['id']}/rotate", json={"overlap_s": 3600})
    assert answer.status_code == 201, answer.text
    new = answer.json()
    for key in (old, new):
        assert anonymous.get("/api/v1/jobs", headers=bearer(key["key"])).status_code == 200
        assert anonymous.get("/api/v1/keys", headers=bearer(key["key"])).status_code == 403, "its scope is the same"
    one, two = (api.get(f"/api/v1/keys/{key['id']}").json() for key in (old, new))
    assert (one["replaced_by"], two["label"], two["replaced_by"]) == (new["id"], "ci", None)
    left = datetime.fromisoformat(one["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=55) < left < timedelta(hours=1)
    assert datetime.fromisoformat(two["expires_at"]) > datetime.now(UTC) + timedelta(days=29)
    assert api.post(f"/api/v1/keys/{old['id']}/rotate").status_code == 409, "one key takes the place of one"
    last = api.post(f"/api/v1/keys/{new['id']}/rotate", json={"overlap_s": 0}).json()
    assert anonymous.get("/api/v1/jobs", headers=bearer(new["key"])).status_code == 401
    assert anonymous.get("/api/v1/jobs", headers=bearer(last["key"])).status_code == 200
    live = [item["id"] for item in api.get("/api/v1/keys?live=true&user=admin").json()["items"]]
    assert last["id"] in live
    assert new["id"] not in live


def test_what_can_not_be_rotated_and_what_can_not_be_made(api: Client):
    made = api.post("/api/v1/keys", json={"user": "admin"}).json()
    wrong = f"/api/v1/keys/{made['id']}/rotate"
    assert api.post("/api/v1/keys/98765/rotate", json={"nonsense": 1}).status_code == 404
    for body in ({"overlap_s": -1}, {"overlap_s": 1e9}, {"expires_at": "2001-01-01T00:00:00Z"}, {"other": 1}):
        answer = api.post(wrong, json=body)
        assert (answer.status_code, answer.json()["errors"][0]["place"]) == (422, f"$.{next(iter(body))}")
    api.delete(f"/api/v1/keys/{made['id']}")
    assert api.post(wrong).status_code == 409
    past = api.post("/api/v1/keys", json={"user": "admin", "expires_at": "2001-01-01T00:00:00Z"})
    assert past.json()["errors"] == [{"place": "$.expires_at", "reason": "is over already"}]
    unknown = api.post("/api/v1/keys", json={"user": "admin", "workflow": "no"})
    assert unknown.json()["errors"] == [{"place": "$.workflow", "reason": "there is no workflow 'no'"}]


def test_a_key_of_a_workflow_reaches_its_jobs_only(api: Client, anonymous: Client, engine: Engine):
    with engine.begin() as tx:
        tx.execute(insert(workflows).values(name="copy", version=1))
        definition = {"name": "copy", "filter_rules": [{"type": "all", "action": [{"name": "noop"}]}]}
        row = {"workflow": "copy", "version": 1, "definition": definition, "created_by": "admin"}
        tx.execute(insert(workflow_versions).values(row))
        mine, other = add_job(tx, workflow="copy"), add_job(tx, workflow="sort")
    key = api.post("/api/v1/keys", json={"user": "admin", "workflow": "copy"}).json()["key"]
    for job, status in ((mine, 200), (other, 403)):
        change = anonymous.patch(f"/api/v1/jobs/{job}", json={"priority": 7}, headers=bearer(key))
        assert change.status_code == status
    said = {"site": "london", "paths": ["/x"]}
    for workflow, status in (("copy", 422), ("sort", 403)):
        answer = anonymous.post("/api/v1/jobs", json=said | {"workflow": workflow}, headers=bearer(key))
        assert answer.status_code == status, answer.text
    hold = {"scope": {"workflow": "copy"}, "reason": "a look"}
    assert anonymous.post("/api/v1/holds", json=hold, headers=bearer(key)).status_code == 201
    hold["scope"] = {"site": "london"}
    assert anonymous.post("/api/v1/holds", json=hold, headers=bearer(key)).status_code == 403
    for method, path in (("GET", "keys"), ("POST", "sites/london/drain"), ("POST", "workflows"), ("GET", "audit")):
        assert anonymous.request(method, f"/api/v1/{path}", headers=bearer(key)).status_code == 403
    assert anonymous.get("/api/v1/jobs", headers=bearer(key)).status_code == 200


def test_a_key_is_remembered_between_requests(api: Client, engine: Engine, app: FastAPI):
    assert api.get("/api/v1/jobs").status_code == 200
    with engine.begin() as tx:
        tx.execute(update(api_keys).values(revoked_at=text("now()")))
    assert api.get("/api/v1/jobs").status_code == 200
    app.state.callers.forget()
    assert api.get("/api/v1/jobs").status_code == 401
