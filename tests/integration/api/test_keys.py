"""Keys: made, shown once, used, narrowed, expired, revoked."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from httpx import Client
from sqlalchemy import Engine, select, text, update

from orchestrator.api.callers import Callers
from orchestrator.domain.roles import Permission, Role
from orchestrator.errors import Invalid, NotFound, Unauthenticated
from orchestrator.services.keys import check_key, ensure_admin_key, make_key, revoke_key
from orchestrator.storage.tables import api_keys, users


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
        tx.execute(users.insert().values(name="ann", roles=["operator", "viewer"]))
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


def test_a_key_is_remembered_between_requests(api: Client, engine: Engine, app: FastAPI):
    assert api.get("/api/v1/jobs").status_code == 200
    with engine.begin() as tx:
        tx.execute(update(api_keys).values(revoked_at=text("now()")))
    assert api.get("/api/v1/jobs").status_code == 200
    app.state.callers.forget()
    assert api.get("/api/v1/jobs").status_code == 401
