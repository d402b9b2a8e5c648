"""A job's live events, over a real connection."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from httpx import Client
from sqlalchemy import Engine, insert, text, update

from orchestrator.api.callers import Callers
from orchestrator.api.feed import Feed
from orchestrator.api.looks import look_at_jobs
from orchestrator.api.moves import moves_of
from orchestrator.domain.batch_job import JobEvent, JobState
from orchestrator.errors import Unauthenticated
from orchestrator.services.keys import Caller
from orchestrator.stack.wait import wait_until
from orchestrator.storage import tables
from orchestrator.storage.transitions import move_job
from tests.integration.api.rows import add_job


def events(lines: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each event's id and data; every event is an id, one line of data and a blank line."""
    for line in lines:
        if line.startswith("id: "):
            data = next(lines)
            assert data.startswith("data: ")
            assert next(lines) == ""
            yield int(line[4:]), json.loads(data[6:])


def test_the_present_state_then_each_change_to_the_end(api: Client, engine: Engine, app: FastAPI):
    with engine.begin() as tx:
        job = add_job(tx, counts={"total": 4})
    with api.stream("GET", f"/api/v1/jobs/{job}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = events(answer.iter_lines())
        seq, first = next(told)
        assert (seq, first["state"], first["from"], first["paths"]["processed"]) == (2, "Started", "Pending", 0)
        with engine.begin() as tx:
            tx.execute(update(tables.progress).values(processed=3))
        seq, second = next(told)
        assert (seq, second["seq"], second["paths"]["processed"], second["progress"]["done"]) == (2, 2, 3, 3)
        with engine.begin() as tx:
            tx.execute(update(tables.jobs).values(state=JobState.SUCCESS, ended_at=text("now()")))
            entry = {"job_id": job, "seq": 3, "actor": "hub", "event": "AllSucceeded"}
            tx.execute(insert(tables.history).values(**entry, from_state="Started", to_state="Success"))
        seq, third = next(told)
        assert (seq, third["state"], third["from"]) == (3, "Success", "Started")
        assert list(told) == []
    assert wait_until(lambda: not len(app.state.listeners), 10)


def test_a_job_that_moves_on_is_told_with_the_commit(api: Client, engine: Engine, app: FastAPI):
    listening = text("select count(*) from pg_stat_activity where datname = current_database() and query ~ '^listen'")
    with engine.begin() as tx:
        job = add_job(tx)
    # No tick comes within the time of the test.
    app.state.feed = Feed(look_at_jobs(engine), moves_of(engine.url), app.state.listeners, tick_s=3600)
    with api.stream("GET", f"/api/v1/jobs/{job}/events") as answer:
        told = events(answer.iter_lines())
        assert next(told)[1]["state"] == "Started"
        # Each look by itself: what one transaction reads of the connections stays as it first saw it.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            assert wait_until(lambda: connection.execute(listening).scalar_one(), 10)
        with engine.begin() as tx:
            move_job(tx, job, JobState.STARTED, JobEvent.ALL_SUCCEEDED)
        assert [event["state"] for _, event in told] == ["Success"]


def test_a_job_that_has_ended_is_told_once(api: Client, engine: Engine):
    with engine.begin() as tx:
        job = add_job(tx, state=JobState.CANCELLED)
    assert [event["state"] for _, event in events(iter(api.get(f"/api/v1/jobs/{job}/events").text.split("\n")))] == [
        "Cancelled"
    ]


def test_many_listeners_hold_no_thread_and_leave_nothing(api: Client, engine: Engine, app: FastAPI):
    with engine.begin() as tx:
        job = add_job(tx)
    headers = dict(api.headers)
    clients = [Client(base_url=api.base_url, headers=headers, trust_env=False, timeout=30) for _ in range(60)]
    streams = [client.stream("GET", f"/api/v1/jobs/{job}/events") for client in clients]
    try:
        # Kept, since a stream that nobody holds is closed.
        told = [events(stream.__enter__().iter_lines()) for stream in streams]
        assert {next(news)[1]["state"] for news in told} == {"Started"}
        # There are 40 threads for handlers: with one held by each listener this would not be answered.
        assert api.get(f"/api/v1/jobs/{job}").status_code == 200
        assert len(app.state.listeners) == 60
    finally:
        for client in clients:
            client.close()
    assert wait_until(lambda: not len(app.state.listeners), 20)


def test_who_comes_back_is_told_each_move_that_it_missed(api: Client, engine: Engine):
    with engine.begin() as tx:
        job = add_job(tx)
        move_job(tx, job, JobState.STARTED, JobEvent.PAUSE_REQUESTED, actor="ann")
        move_job(tx, job, JobState.PAUSING, JobEvent.DRAINED)
        move_job(tx, job, JobState.PAUSED, JobEvent.RESUMED, actor="ann")
        move_job(tx, job, JobState.STARTED, JobEvent.ALL_SUCCEEDED)
    address = f"/api/v1/jobs/{job}/events"
    answer = api.get(address, headers={"Last-Event-ID": "3"})
    assert answer.text.startswith("retry: 1000\n\n")
    told = [(seq, event["from"], event["state"]) for seq, event in events(iter(answer.text.split("\n")))]
    assert told == [(4, "Pausing", "Paused"), (5, "Paused", "Started"), (6, "Started", "Success")]
    assert api.get(address, headers={"Last-Event-ID": "6"}).status_code == 204
    assert api.get(address, headers={"Last-Event-ID": "x"}).status_code == 422


def test_there_is_room_for_so_many(api: Client, engine: Engine, app: FastAPI):
    with engine.begin() as tx:
        job = add_job(tx)
    app.state.listeners._most = 1
    with api.stream("GET", f"/api/v1/jobs/{job}/events") as answer:
        told = events(answer.iter_lines())  # kept, since a stream that nobody holds is closed
        assert next(told)[1]["state"] == "Started"
        for address in (f"/api/v1/jobs/{job}/events", "/api/v1/events"):
            refused = api.get(address)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
    assert wait_until(lambda: not len(app.state.listeners), 10)


def test_many_who_listen_with_one_key_ask_for_it_once(engine: Engine, admin_key: str):
    asked = 0

    class Counted(Callers):
        def check(self, plain: str) -> Caller:
            nonlocal asked
            asked += 1
            return super().check(plain)

    async def all_at_once(callers: Callers) -> None:
        assert {caller.user for caller in await asyncio.gather(*(callers.know(admin_key) for _ in range(1000)))} == {
            "admin"
        }
        callers.forget()
        refused = await asyncio.gather(*(callers.know("tq_nobody") for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in refused] == [Unauthenticated] * 3

    asyncio.run(all_at_once(Counted(engine)))
    assert asked == 2
