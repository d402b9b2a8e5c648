"""Holds over the API: placed, listed, shown with the jobs they stop, released, refused."""

import httpx
import pytest
from sqlalchemy import Engine

from orchestrator.domain.batch_job import JobState
from orchestrator.services.keys import make_key
from tests.integration.api.rows import add_job

HOLDS = "/api/v1/holds"


def test_a_hold_from_beginning_to_end(api: httpx.Client, engine: Engine) -> None:
    with engine.begin() as tx:
        job, other = add_job(tx), add_job(tx, owner="somebody")
    answer = api.post(HOLDS, json={"scope": {"owner": "admin", "queue": "default"}, "reason": "a look"})
    assert answer.status_code == 201, answer.text
    hold = answer.json()
    assert (hold["kind"], hold["author"], hold["released_at"]) == ("manual", "admin", None)
    assert hold["scope"] == {"owner": "admin", "queue": "default"}
    assert [one["id"] for one in api.get(f"/api/v1/jobs/{job}").json()["holds"]] == [hold["id"]]
    assert api.get(f"/api/v1/jobs/{other}").json()["holds"] == []
    assert [one["id"] for one in api.get(HOLDS).json()["items"]] == [hold["id"]]
    assert api.get(HOLDS, params={"job": job}).json()["items"] == []
    [cause] = [one for one in api.get(f"/api/v1/jobs/{job}/why").json()["items"] if one["cause"] == "held"]
    assert "by admin" in cause["detail"]
    assert cause["frees"] == f"orchestrator hold release {hold['id']}"
    for _ in range(2):
        answer = api.request("DELETE", f"{HOLDS}/{hold['id']}", json={"reason": "looked"})
        assert (answer.status_code, answer.json()["release_reason"]) == (200, "looked")
    assert api.get(HOLDS).json()["items"] == []
    assert [one["released_by"] for one in api.get(HOLDS, params={"released": True}).json()["items"]] == ["admin"]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"reason": "x"}, "$.scope"),
        ({"scope": {}, "reason": "x"}, "$.scope"),
        ({"scope": {"job": 1}}, "$.reason"),
        ({"scope": {"job": 1}, "reason": ""}, "$.reason"),
        ({"scope": {"job": "1"}, "reason": "x"}, "$.scope.job"),
        ({"scope": {"planet": "x"}, "reason": "x"}, "$.scope.planet"),
        ({"scope": {"job": 1}, "reason": "x", "until": "soon"}, "$.until"),
        ({"scope": {"job": 999}, "reason": "x"}, "$.scope.job"),
    ],
)
def test_what_is_wrong_has_a_place(api: httpx.Client, body: dict[str, object], place: str) -> None:
    answer = api.post(HOLDS, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["place"] == place


def test_an_ended_job_an_unknown_hold_and_a_viewer(api: httpx.Client, engine: Engine) -> None:
    with engine.begin() as tx:
        job = add_job(tx, state=JobState.SUCCESS)
        tx.exec_driver_sql("insert into users (name, roles) values ('eve', '{viewer}')")
        key = make_key(tx, "eve").plain
    assert api.post(HOLDS, json={"scope": {"job": job}, "reason": "x"}).status_code == 409
    assert api.delete(f"{HOLDS}/77").status_code == 404
    viewer = {"Authorization": f"Bearer {key}"}
    assert api.post(HOLDS, json={}, headers=viewer).status_code == 403
    assert api.get(HOLDS, headers=viewer).status_code == 200
