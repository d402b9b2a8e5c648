"""Pause, resume and cancel over the API: states, repeats, refusals in their order, and who may."""

import httpx
import pytest
from fastapi import FastAPI
from redis import Redis
from sqlalchemy import Engine, text

from orchestrator.domain.batch_job import JobState
from orchestrator.services.keys import make_key
from tests.integration.api.rows import add_job, add_outcome


@pytest.fixture
def app(broker_app: FastAPI) -> FastAPI:
    return broker_app


def made(engine: Engine, state: JobState) -> int:
    with engine.begin() as tx:
        return add_job(tx, state=state, counts={"open_tasks": 3})


def test_pause_resume_cancel_and_their_repeats(api: httpx.Client, engine: Engine, redis_url: str) -> None:
    job = made(engine, JobState.STARTED)
    redis = Redis.from_url(redis_url)
    redis.sadd("orchestrator:london:permits", job)
    with engine.begin() as tx:
        tx.execute(text("update jobs set started_at = now()"))
    for _ in range(2):
        answer = api.post(f"/api/v1/jobs/{job}/pause", json={"reason": "the disk is full"})
        assert (answer.status_code, answer.json().get("state")) == (202, "Paused"), answer.text
    assert not redis.sismember("orchestrator:london:permits", str(job))
    for _ in range(2):
        answer = api.post(f"/api/v1/jobs/{job}/resume")
        assert (answer.status_code, answer.json()["state"]) == (202, "Started")
    for _ in range(2):
        answer = api.post(f"/api/v1/jobs/{job}/cancel", json={"force": True})
        assert (answer.status_code, answer.json()["state"]) == (202, "Dequeuing")
    history = api.get(f"/api/v1/jobs/{job}/history").json()["items"]
    asked = [(entry["event"], entry["actor"], entry["reason"]) for entry in history[2:]]
    assert asked == [
        ("PauseRequested", "admin", "the disk is full"),
        ("Drained", "hub", None),
        ("Resumed", "admin", None),
        ("CancelRequested", "admin", None),
    ]


@pytest.mark.parametrize("state", [JobState.SUCCESS, JobState.FAILURE, JobState.CANCELLED, JobState.DEQUEUING])
@pytest.mark.parametrize("wish", ["pause", "resume"])
def test_what_is_over_can_not_be_paused_or_resumed(
    api: httpx.Client, engine: Engine, state: JobState, wish: str
) -> None:
    job = made(engine, state)
    answer = api.post(f"/api/v1/jobs/{job}/{wish}", json={"unknown": 1})
    assert answer.status_code == 409, "409 comes before 422"
    assert answer.json()["legal_events"] == [], "what is the system's own is no event for anybody"


def test_what_is_wrong_with_the_body_is_told(api: httpx.Client, engine: Engine) -> None:
    job = made(engine, JobState.STARTED)
    for body in ({"unknown": 1}, {"reason": 7}, {"reason": "a\0b"}, {"force": True}, [1]):
        answer = api.post(f"/api/v1/jobs/{job}/pause", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"]
    assert api.post(f"/api/v1/jobs/{job}/cancel", json={"force": "yes"}).status_code == 422
    assert api.post("/api/v1/jobs/999999/cancel").status_code == 404
    assert api.get(f"/api/v1/jobs/{job}").json()["state"] == "Started"


def test_a_viewer_may_not(anonymous: httpx.Client, engine: Engine) -> None:
    job = made(engine, JobState.STARTED)
    with engine.begin() as tx:
        tx.execute(text("insert into users (name, roles) values ('eve', '{viewer}')"))
        key = make_key(tx, "eve").plain
    for wish in ("pause", "resume", "cancel"):
        assert anonymous.post(f"/api/v1/jobs/{job}/{wish}").status_code == 401
        refused = anonymous.post(f"/api/v1/jobs/{job}/{wish}", headers={"Authorization": f"Bearer {key}"})
        assert refused.status_code == 403


def test_without_the_broker_nothing_is_promised(engine: Engine, admin_key: str, silent_api: httpx.Client) -> None:
    job = made(engine, JobState.STARTED)
    answer = silent_api.post(f"/api/v1/jobs/{job}/pause")
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert silent_api.get(f"/api/v1/jobs/{job}").json()["state"] == "Started"


def test_redriving_is_asked_for_and_refused(api: httpx.Client, engine: Engine) -> None:
    job, going_on = made(engine, JobState.FAILURE), made(engine, JobState.STARTED)
    with engine.begin() as tx:
        tx.execute(text("update jobs set ended_at = now() where id = :job"), {"job": job})
    assert api.post(f"/api/v1/jobs/{going_on}/redrive").status_code == 409
    assert api.post(f"/api/v1/jobs/{going_on}/redrive").json()["legal_events"]
    assert api.post("/api/v1/jobs/999/redrive").status_code == 404
    assert api.post(f"/api/v1/jobs/{job}/redrive").status_code == 409, "nothing of it is left"
    with engine.begin() as tx:
        add_outcome(tx, job, 64, 0, "failed", b"x", "as told")
    for wrong in ({"include": []}, {"include": ["Success"]}, {"steps": [-1]}, {"fingerprints": ["x"]}, {"all": True}):
        assert api.post(f"/api/v1/jobs/{job}/redrive", json=wrong).status_code == 422, wrong
    answer = api.post(f"/api/v1/jobs/{job}/redrive", json={"reason": "mended"})
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert (new["state"], new["redrive_of"], new["owner"]) == ("Pending", job, "admin")
    assert answer.headers["Location"] == f"/api/v1/jobs/{new['id']}"
    assert [step["action"] for step in new["steps"]] == ["fs.checksum", "noop"]
    again = api.post(f"/api/v1/jobs/{job}/redrive")
    assert (again.status_code, f"job {new['id']} redrives it" in again.json()["detail"]) == (409, True)
