"""Health: alive without anything, ready only with everything."""

import asyncio

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Client, Response
from sqlalchemy import Engine, insert, text, update

from orchestrator.api.app import make_app
from orchestrator.storage import tables
from orchestrator.storage.database import make_engine

SECRET = b"0123456789abcdef0123456789abcdef"


async def ask(app: FastAPI, path: str, **headers: str) -> Response:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://api", headers=headers) as client:
        return await client.get(path)


def test_ready_says_which_part_is_not(anonymous: Client, engine: Engine):
    answer = anonymous.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": "ok",
        "broker": "no address is set (ORCHESTRATOR_REDIS_URL)",
        "hub": "no hub has run yet",
    }
    assert anonymous.get("/health/live").json() == {"status": "ok"}
    with engine.begin() as tx:
        tx.execute(insert(tables.hub_heartbeat).values(id=1, hub="h"))
    assert anonymous.get("/health/ready").json()["checks"]["hub"] == "ok"
    with engine.begin() as tx:
        tx.execute(update(tables.hub_heartbeat).values(at=text("now() - interval '20 s'")))
    assert anonymous.get("/health/ready").json()["checks"]["hub"] == "has not finished a turn for 20 s"


def test_ready_when_all_answer(engine: Engine, redis_url: str):
    with engine.begin() as tx:
        tx.execute(insert(tables.hub_heartbeat).values(id=1, hub="h"))
    answer = asyncio.run(ask(make_app(engine, secret=SECRET, redis_url=redis_url), "/health/ready"))
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")


def test_a_database_that_is_away_is_503_and_not_500():
    away = make_engine("postgresql://nobody@127.0.0.1:9/nothing")
    app = make_app(away, secret=SECRET, redis_url="redis://:secret-word@127.0.0.1:9/0")
    assert asyncio.run(ask(app, "/health/live")).status_code == 200
    ready = asyncio.run(ask(app, "/health/ready"))
    assert ready.status_code == 503
    assert {name: said.split(" (")[0] for name, said in ready.json()["checks"].items()} == {
        "database": "does not answer",
        "broker": "does not answer",
        "hub": "does not answer",
    }
    assert "secret-word" not in ready.text
    key = f"tq_abcdefgh_{'A' * 43}"
    answer = asyncio.run(ask(app, "/api/v1/jobs", Authorization=f"Bearer {key}"))
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) > 0
    assert key not in answer.text
