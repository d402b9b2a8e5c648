"""The audit: what was done, and who was turned away, as it is read."""

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, create_engine, insert, text

from orchestrator.api.denied import MOST_A_SECOND, Denials
from orchestrator.domain.roles import Role
from orchestrator.errors import Unauthenticated
from orchestrator.services.keys import make_key
from orchestrator.storage.tables import users
from tests.integration.api.rows import add_job

AUDIT = "/api/v1/audit"


@pytest.fixture
def viewer(engine: Engine) -> dict[str, str]:
    with engine.begin() as tx:
        tx.execute(insert(users).values(name="eve", roles=[Role.VIEWER]))
        return {"Authorization": f"Bearer {make_key(tx, 'eve').plain}"}


def entries(api: httpx.Client, **filters: Any) -> list[tuple[str, str, str]]:
    answer = api.get(AUDIT, params=filters)
    assert answer.status_code == 200, answer.text
    return [(one["actor"], one["action"], one["subject"]) for one in answer.json()["items"]]


def test_what_is_done_is_read_with_filters_and_page_by_page(api: httpx.Client, engine: Engine) -> None:
    with engine.begin() as tx:
        job = add_job(tx)
    key = api.post("/api/v1/keys", json={"user": "admin"}).json()["id"]
    api.post(f"/api/v1/keys/{key}/rotate", json={"overlap_s": 60})
    api.delete(f"/api/v1/keys/{key}")
    api.post("/api/v1/users", json={"name": "ann", "roles": ["worker"]})
    api.post(f"/api/v1/jobs/{job}/resume", json={"reason": "it may"})
    hold = api.post("/api/v1/holds", json={"scope": {"job": job}, "reason": "a look"}).json()["id"]
    api.delete(f"/api/v1/holds/{hold}")
    done = [
        ("admin", "hold.release", f"hold {hold}"),
        ("admin", "hold.place", f"hold {hold}"),
        ("admin", "job.Resumed", f"job {job}"),
        ("admin", "user.create", "ann"),
        ("admin", "key.revoke", f"key {key}"),
        ("admin", "key.rotate", f"key {key}"),
        ("admin", "key.create", f"key {key}"),
    ]
    assert entries(api, actor="admin") == done
    assert entries(api, subject=f"key {key}") == done[-3:]
    assert entries(api, action=["user.create", "hold.place"]) == [done[1], done[3]]
    middle = api.get(AUDIT, params={"action": "user.create"}).json()["items"][0]["at"]
    assert entries(api, actor="admin", after=middle) == done[:3]
    assert entries(api, actor="admin", before=middle) == done[4:]
    first = api.get(AUDIT, params={"actor": "admin", "limit": 4}).json()
    rest = api.get(AUDIT, params={"actor": "admin", "limit": 4, "cursor": first["next_cursor"]}).json()
    assert [one["action"] for one in rest["items"]] == [action for _, action, _ in done[4:]]
    assert rest["next_cursor"] is None
    assert api.get(AUDIT, params={"cursor": "x"}).status_code == 422


def test_who_is_turned_away_is_in_it(
    api: httpx.Client, anonymous: httpx.Client, viewer: dict[str, str], engine: Engine
) -> None:
    with engine.begin() as tx:
        mine = add_job(tx)
    assert anonymous.get(AUDIT, headers=viewer).status_code == 403
    assert anonymous.delete("/api/v1/keys/7?token=of-mine", headers=viewer).status_code == 403
    assert anonymous.post(f"/api/v1/jobs/{mine}/pause").status_code == 401
    assert anonymous.get("/api/v1/jobs", headers={"Authorization": "Bearer tq_of-mine"}).status_code == 401
    [wrong, bare, delete, audit] = api.get(AUDIT, params={"action": "request.denied"}).json()["items"]
    assert (wrong["actor"], wrong["subject"], wrong["detail"]["status"]) == ("anonymous", "GET /api/v1/jobs", 401)
    assert (bare["actor"], bare["subject"]) == ("anonymous", f"POST /api/v1/jobs/{mine}/pause")
    assert (delete["actor"], delete["subject"], delete["detail"]["status"]) == ("eve", "DELETE /api/v1/keys/7", 403)
    assert delete["detail"]["client"] == "127.0.0.1"
    assert audit["reason"] == "eve may not do this: it needs the permission 'audit'"
    assert "of-mine" not in str([wrong, bare, delete, audit])


def test_a_refusal_inside_a_route_is_in_it(api: httpx.Client, anonymous: httpx.Client, viewer: dict[str, str]) -> None:
    assert anonymous.get("/api/v1/worklist?all=true", headers=viewer).status_code == 403
    assert entries(api, actor="eve") == [("eve", "request.denied", "GET /api/v1/worklist")]


def test_what_is_written_in_a_second_is_limited_and_the_rest_counted(engine: Engine) -> None:
    now = 0.0
    denials = Denials(engine, clock=lambda: now)
    for _ in range(MOST_A_SECOND + 5):
        denials.note(Unauthenticated("no"), None, "GET", "/\n" + "x" * 1000, None)
    now = 1.5
    denials.note(Unauthenticated("no"), None, "GET", "/", None)
    with engine.begin() as tx:
        rows = tx.execute(text("select subject, detail from audit order by id")).all()
    assert len(rows) == MOST_A_SECOND + 1
    assert rows[-1].detail == {"status": 401, "left_out": 5}
    assert rows[0].subject.startswith("GET /\ufffdxxx")
    assert len(rows[0].subject) < 400


def test_without_a_database_who_is_turned_away_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    away = create_engine("postgresql+psycopg://127.0.0.1:1/none")
    Denials(away).note(Unauthenticated("no"), None, "GET", "/", None)
    assert "is not in the audit: OperationalError" in caplog.text
