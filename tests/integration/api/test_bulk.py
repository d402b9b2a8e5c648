"""The same with many jobs at once, and many jobs line by line."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, insert, text

from orchestrator.domain.batch_job import JobState
from orchestrator.domain.roles import Role
from orchestrator.domain.task import TaskState
from orchestrator.services.define import create
from orchestrator.services.keys import make_key
from orchestrator.storage.tables import sites, users, workflows
from tests.integration.api.rows import add_chain, add_job, add_outcome

BULK, BATCH = "/api/v1/jobs/bulk", "/api/v1/jobs/batch"
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def app(broker_app: FastAPI) -> FastAPI:
    """With a broker: what is paused is taken back from the sites."""
    return broker_app


def bulk(api: httpx.Client, action: str, which: dict[str, Any], **said: Any) -> dict[str, Any]:
    answer = api.post(BULK, json={"action": action, "filter": which, **said})
    assert answer.status_code == 200, answer.text
    return answer.json()


def counts(done: dict[str, Any]) -> tuple[int, int, int]:
    assert done["matched"] == done["changed"] + done["unchanged"] + done["skipped"]
    return done["changed"], done["unchanged"], done["skipped"]


@pytest.fixture
def jobs(engine: Engine) -> dict[str, int]:
    with engine.begin() as tx:
        made = {
            "started": add_job(tx, state=JobState.STARTED),
            "pending": add_job(tx, state=JobState.PENDING),
            "paused": add_job(tx, state=JobState.PAUSED),
            "done": add_job(tx, state=JobState.SUCCESS, ended_at=datetime.now(UTC)),
            "other": add_job(tx, state=JobState.STARTED, workflow="sort"),
        }
        for name in ("started", "pending", "other"):
            tx.execute(text("update progress set open_tasks = 1 where job_id = :job"), {"job": made[name]})
        return made


def states(engine: Engine) -> list[str]:
    with engine.begin() as tx:
        return [row.state for row in tx.execute(text("select state from jobs order by id"))]


def test_a_dry_run_says_how_many_and_changes_nothing_and_then_it_is_so(
    api: httpx.Client, engine: Engine, jobs: dict[str, int]
) -> None:
    before = states(engine)
    said = bulk(api, "pause", {"workflow": ["copy"]}, dry_run=True)
    assert counts(said) == (2, 1, 1)
    [skip] = said["skips"]
    assert (skip["job_id"], skip["state"]) == (jobs["done"], "Success")
    assert "PauseRequested is not possible" in skip["why"]
    assert states(engine) == before
    done = bulk(api, "pause", {"workflow": ["copy"]}, reason="the disk is full")
    assert counts(done) == counts(said)
    assert states(engine) == ["Paused", "Paused", "Paused", "Success", "Started"]
    assert counts(bulk(api, "pause", {"workflow": ["copy"]})) == (0, 3, 1), "again is harmless"
    with engine.begin() as tx:
        told = tx.execute(text("select actor, reason from history where event = 'PauseRequested'")).all()
    assert [tuple(row) for row in told] == [("admin", "the disk is full")] * 2
    assert counts(bulk(api, "resume", {"id": [jobs["paused"], jobs["other"]]})) == (1, 1, 0)
    assert counts(bulk(api, "cancel", {"state": ["Paused", "Started", "Pending"]}, force=True))[0] == 4


def test_many_are_gone_through_page_by_page(api: httpx.Client, jobs: dict[str, int]) -> None:
    first = bulk(api, "hold", {"owner": ["admin"]}, reason="a look", limit=3)
    assert (first["matched"], len(first["made"])) == (3, 3)
    rest = bulk(api, "hold", {"owner": ["admin"]}, reason="a look", limit=3, cursor=first["next_cursor"])
    assert counts(rest) == (1, 0, 1)
    assert rest["next_cursor"] is None
    again = bulk(api, "hold", {"owner": ["admin"]}, reason="a look")
    assert counts(again) == (0, 4, 1), "the same hold by the same person"
    assert api.get(f"/api/v1/jobs/{jobs['other']}").json()["holds"][0]["reason"] == "a look"
    assert counts(bulk(api, "release", {"workflow": ["copy"]}, reason="looked")) == (3, 1, 0)
    assert counts(bulk(api, "release", {"workflow": ["copy", "sort"]})) == (1, 4, 0)


def test_what_has_failed_is_redriven_once(api: httpx.Client, engine: Engine) -> None:
    with engine.begin() as tx:
        tx.execute(insert(workflows).values(name="copy", version=1))
        for _ in range(2):
            job = add_job(tx, state=JobState.FAILURE, ended_at=datetime.now(UTC), counts={"total": 1, "failed": 1})
            task = add_chain(tx, job, [b"/a"], [{"state": TaskState.ERROR, "given": 1, "failed": 1}]) << 6
            add_outcome(tx, job, task, 0, "failed", b"/a", "bad")
        well = add_job(tx, state=JobState.SUCCESS, ended_at=datetime.now(UTC))
        nothing = add_job(tx, state=JobState.CANCELLED, ended_at=datetime.now(UTC))
    wanted = {"state": ["Failure", "Success", "Cancelled"]}
    assert counts(bulk(api, "redrive", wanted, dry_run=True)) == (3, 0, 1), "what is left is seen only when it is done"
    done = bulk(api, "redrive", wanted, include=["Error"])
    assert counts(done) == (2, 0, 2)
    assert [skip["job_id"] for skip in done["skips"]] == [well, nothing]
    assert all(api.get(f"/api/v1/jobs/{job}").json()["redrive_of"] for job in done["made"])
    assert counts(bulk(api, "redrive", wanted)) == (0, 2, 2)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"action": "pause"}, "$.filter"),
        ({"action": "pause", "filter": {}}, "$.filter"),
        ({"action": "pause", "filter": {"state": ["Sleeping"]}}, "$.filter.state[0]"),
        ({"action": "pause", "filter": {"planet": ["x"]}}, "$.filter.planet"),
        ({"action": "delete", "filter": {"id": [1]}}, "$.action"),
        ({"action": "hold", "filter": {"id": [1]}}, "$"),
        ({"action": "pause", "filter": {"id": [1]}, "force": True}, "$"),
        ({"action": "pause", "filter": {"id": [1]}, "limit": 0}, "$.limit"),
        ({"action": "pause", "filter": {"id": list(range(1, 1002))}}, "$.filter.id"),
        ({"action": "pause", "filter": {"id": [1]}, "cursor": "x"}, "?cursor"),
    ],
)
def test_what_is_wrong_has_a_place(api: httpx.Client, body: dict[str, Any], place: str) -> None:
    answer = api.post(BULK, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["place"] == place


def test_a_bound_key_skips_what_it_does_not_reach_and_a_viewer_is_refused(
    api: httpx.Client, engine: Engine, jobs: dict[str, int]
) -> None:
    with engine.begin() as tx:
        tx.execute(insert(workflows).values(name="sort", version=1))
        bound = {"Authorization": f"Bearer {make_key(tx, 'admin', workflow='sort').plain}"}
        viewer = {"Authorization": f"Bearer {make_key(tx, 'admin', roles=[Role.VIEWER]).plain}"}
    said = {"action": "pause", "filter": {"owner": ["admin"]}}
    done = api.post(BULK, json=said, headers=bound).json()
    assert (done["changed"], done["skipped"]) == (1, 4)
    assert done["skips"][0]["why"] == "this key is bound to the workflow 'sort'"
    assert api.post(BULK, json=said, headers=viewer).status_code == 403


@pytest.fixture
def copy(engine: Engine) -> None:
    with engine.begin() as tx:
        tx.execute(insert(sites).values(name="london"))
        tx.execute(
            text("""
            insert into site_actions (site, action, function, version, parameters)
            values ('london', 'noop', 'worker', '1', '{"type": "object"}')
            """)
        )
        tx.execute(
            text("""
            insert into nodes (site, node, function, queues, concurrency, version, actions, discoveries)
            values ('london', 'w', 'worker', '{default}', 1, '1', '{noop}', '{}'),
              ('london', 'd', 'discovery', '{default}', 1, '1', '{}', '{recursive}')
            """)
        )
        create(tx, {"name": "copy", "filter_rules": [{"action": [{"name": "noop"}]}]}, "admin")


def lines(*said: object) -> bytes:
    return b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in said)


def told(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


GOOD = {"workflow": "copy", "site": "london", "paths": ["/data/a"]}


def test_each_line_has_its_answer_and_one_that_is_wrong_stops_no_other(
    api: httpx.Client, engine: Engine, copy: None
) -> None:
    body = lines(GOOD, b"\n", b"{nonsense\n", GOOD | {"workflow": "no"}, GOOD | {"priority": 9}, b'{"workflow": "copy"')
    one, bad, unknown, two, cut = told(api.post(BATCH, content=body, headers=NDJSON))
    assert (one["line"], one["status"], one["state"]) == (1, 201, "Pending")
    assert (bad["line"], bad["status"], bad["detail"]) == (3, 422, "the body is not JSON")
    assert (unknown["line"], unknown["status"]) == (4, 422)
    assert unknown["errors"][0]["place"] == "$.workflow"
    assert (two["line"], two["status"], cut["line"], cut["status"]) == (5, 201, 6, 422)
    assert api.get(f"/api/v1/jobs/{two['job_id']}").json()["priority"] == 9
    assert len(states(engine)) == 2


def test_with_a_key_the_same_lines_make_the_same_jobs(api: httpx.Client, engine: Engine, copy: None) -> None:
    headers = NDJSON | {"Idempotency-Key": "night-1"}
    first = told(api.post(BATCH, content=lines(GOOD, GOOD), headers=headers))
    again = told(api.post(BATCH, content=lines(GOOD, GOOD | {"priority": 1}, GOOD), headers=headers))
    assert [line["status"] for line in again] == [200, 409, 201]
    assert again[0]["job_id"] == first[0]["job_id"]
    assert len(states(engine)) == 3
    long = api.post(BATCH, content=b"", headers=NDJSON | {"Idempotency-Key": "x" * 190})
    assert long.status_code == 422


def test_what_is_too_much_is_said_in_the_last_answer(api: httpx.Client, copy: None) -> None:
    *_, last = told(api.post(BATCH, content=lines(GOOD, b'"' + b"x" * (1024 * 1024) + b'"\n', GOOD), headers=NDJSON))
    assert (last["line"], last["status"]) == (2, 413)
    assert "longer than 1048576 bytes" in last["detail"]
    *_, last = told(api.post(BATCH, content=b"\n" * 10_000 + lines(GOOD), headers=NDJSON))
    assert (last["line"], last["status"], last["detail"]) == (10_001, 413, "more than 10000 lines")
    assert api.post(BATCH, json=GOOD).status_code == 415


def test_who_may_not_submit_gets_no_line_in(api: httpx.Client, engine: Engine, copy: None) -> None:
    with engine.begin() as tx:
        tx.execute(insert(users).values(name="eve", roles=[Role.VIEWER]))
        viewer = {"Authorization": f"Bearer {make_key(tx, 'eve').plain}"}
    assert api.post(BATCH, content=lines(GOOD), headers=NDJSON | viewer).status_code == 403
    assert states(engine) == []
