"""What went wrong: what failed paths share, failures across jobs, and a single task tried again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import Client as Http
from sqlalchemy import Engine, insert, text, update
from typer.testing import CliRunner

from orchestrator.cli.main import make_app
from orchestrator.client import DocumentClient
from orchestrator.contracts.paths import PathList, pack
from orchestrator.domain.batch_job import JobState
from orchestrator.domain.task import TaskState
from orchestrator.storage import tables
from orchestrator.storage.queries import shared
from tests.integration.api.rows import add_chain, add_job, add_outcome

PRINT, OTHER = "0123456789abcdef", "fedcba9876543210"
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def job(engine: Engine) -> int:
    """Forty batches of ten paths, of a step at two workers; on the second, all ``.jpg`` fail, and one task breaks."""
    with engine.begin() as tx:
        job = add_job(tx, state=JobState.FAILURE, counts={"total": 400}, actions=("noop",), started_at=START)
        tx.execute(update(tables.jobs).values(ended_at=START + timedelta(hours=1)))
        failed = 0
        for number in range(40):
            names = [b"/data/%d/%d.%s" % (number % 4, one, b"jpg" if one % 5 == 0 else b"tif") for one in range(10)]
            worker = f"london.worker@h{number % 2}"
            bad = [one for one in range(10) if one % 5 == 0 and number % 2]
            columns: dict[str, Any] = {"state": TaskState.ERROR if bad else TaskState.SUCCESS, "given": 10}
            columns |= {"failed": len(bad), "processed": 10 - len(bad), "worker": worker}
            if number == 39:
                bad, error = [], {"error_class": "OSError", "message": "gone", "traceback": ""}
                columns = {"state": TaskState.FAILURE, "given": 10, "worker": worker, "error": error}
                failed += 10
            ended = {"started_at": START, "ended_at": START + timedelta(minutes=number)}
            batch = add_chain(tx, job, names, [columns | ended], number)
            for place in bad:
                add_outcome(tx, job, batch << 6, place, "failed", names[place], "can not be read")
            failed += len(bad)
        tx.execute(text("update outcomes set fingerprint = :print"), {"print": PRINT})
        tx.execute(update(tables.progress).values(failed=failed, processed=400 - failed))
        group = {"job_id": job, "rule": 0, "step": 0, "action": "noop", "error_class": "OSError", "examples": []}
        tx.execute(
            insert(tables.error_groups),
            [
                group | {"fingerprint": PRINT, "message": "can not be read", "paths": failed - 10, "hosts": ["h1"]},
                group | {"fingerprint": OTHER, "message": "gone", "paths": 10, "hosts": ["h1"]},
            ],
        )
    return job


def told(api: Http, job: int, **query: Any) -> tuple[dict[str, Any], dict[tuple[str, str], dict[str, Any]]]:
    answer = api.get(f"/api/v1/jobs/{job}/errors/shared", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json(), {(item["trait"], item["value"]): item for item in answer.json()["items"]}


def test_what_failed_paths_share_stands_out(api: Http, job: int):
    document, items = told(api, job, fingerprint=PRINT)
    assert document["failed"] == {"paths": 38, "looked_at": 38}
    assert document["all"] == {"paths": 400, "looked_at": 400}
    assert not document["sampled"]
    extension, host = items["extension", ".jpg"], items["host", "h1"]
    assert (extension["failed"], extension["failed_known"], extension["all"], extension["lift"]) == (38, 38, 80, 5.0)
    assert (host["failed"], host["all"], host["all_known"], host["lift"]) == (38, 200, 400, 2.0)
    assert (document["items"][0]["trait"], document["items"][0]["value"]) == ("extension", ".jpg")
    assert items["site", "london"]["lift"] == items["step", "0 noop"]["lift"] == 1.0
    assert ("folder", "/data/0/") not in items


def test_all_that_failed_is_told_with_tasks_that_broke(api: Http, job: int):
    document, items = told(api, job)
    assert document["failed"] == {"paths": 48, "looked_at": 48}
    assert items["host", "h1"]["failed"] == 48
    assert items["extension", ".jpg"]["failed"] == 40


def test_of_much_a_part_is_looked_at_and_it_says_so(api: Http, job: int, monkeypatch: pytest.MonkeyPatch):
    for name, bound in (("TASKS", 12), ("PATHS", 60), ("LEAST_PATHS", 2)):
        monkeypatch.setattr(shared, name, bound)
    document, items = told(api, job)
    assert document["sampled"]
    assert document["failed"]["looked_at"] < 48
    assert document["all"]["looked_at"] <= 12 * 5
    assert (items["host", "h1"]["failed"], items["host", "h1"]["failed_known"]) == (48, 48)
    assert 350 <= items["host", "h1"]["all_known"] <= 450
    assert items["extension", ".jpg"]["lift"] > 1.5


@pytest.mark.timeout(120)
def test_200_000_failures_are_answered_within_a_bound(api: Http, engine: Engine):
    n, batches = 100, 2000
    with engine.begin() as tx:
        job = add_job(tx, state=JobState.FAILURE, actions=("noop",), counts={"total": 2 * n * batches})
        packed = [pack(PathList([b"/%s/%d.tif" % (top, one) for one in range(n)])) for top in (b"good", b"bad")]
        load = "insert into batches (job_id, rule, subtree, sequence, n, paths) select :job, 0, 0, s, :n, "
        load += "case when s % 2 = 1 then :bad else :good end from generate_series(1, :batches) s"
        values = {"job": job, "n": n, "batches": 2 * batches, "good": packed[0], "bad": packed[1]}
        tx.execute(text(load.replace(":bad", "cast(:bad as bytea)").replace(":good", "cast(:good as bytea)")), values)
        tx.execute(
            text("""
                insert into tasks (id, job_id, rule, state, given, processed, failed, worker, ended_at)
                select id << 6, job_id, 0, (case when sequence % 2 = 1 then 'Error' else 'Success' end)::task_state,
                  n, case when sequence % 2 = 1 then 0 else n end, case when sequence % 2 = 1 then n else 0 end,
                  'london.worker@h' || sequence % 2, now() from batches where job_id = :job
            """),
            {"job": job},
        )
        tx.execute(
            text("""
                insert into outcomes (job_id, task_id, index, outcome, path, error_class, message, fingerprint)
                select :job, t.id, i, 'failed', convert_to('/bad/' || i || '.tif', 'UTF8'), 'OSError', 'm', :print
                from tasks t, generate_series(0, :n - 1) i where t.job_id = :job and t.failed > 0
            """),
            {"job": job, "n": n, "print": PRINT},
        )
        tx.execute(text("update progress set failed = :n"), {"n": n * batches})
        tx.execute(text("update job_steps set error = :n, success = :n"), {"n": batches})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze"))
    document, items = told(api, job)
    assert document["sampled"]
    assert document["failed"]["paths"] == n * batches
    assert document["failed"]["looked_at"] <= 2 * shared.PATHS
    folder = items["folder", "/bad/"]
    assert folder["failed"] == pytest.approx(n * batches, rel=0.01)
    assert folder["all"] == pytest.approx(n * batches, rel=0.25)
    assert 1.5 < folder["lift"] < 2.6


def test_the_command_line_shows_what_stands_out_first(anonymous: Http, admin_key: str, job: int):
    runner = CliRunner(env={"ORCHESTRATOR_URL": str(anonymous.base_url), "ORCHESTRATOR_KEY": admin_key, "TZ": "UTC"})
    done = runner.invoke(make_app(["errors"]), ["errors", str(job)])
    assert done.exit_code == 0, done.output
    print(done.output)  # noqa: T201 - docs/errors.md shows it
    told = done.output.split("what the 48 failed paths share:")[1]
    first, *_ = [line.split() for line in told.splitlines()[2:]]
    assert first == ["extension", ".jpg", "40", "of", "48", "80", "of", "400", "4.2"]
    assert ["host", "h1", "48", "of", "48", "200", "of", "400", "2.0"] in map(str.split, told.splitlines())
    across = runner.invoke(make_app(["errors"]), ["errors", "--site", "london"])
    assert [PRINT in line for line in across.output.splitlines()] == [False, True, False]


def test_failures_across_jobs_are_put_together(api: Http, engine: Engine, job: int):
    with engine.begin() as tx:
        later = add_job(tx, state=JobState.FAILURE, workflow="other", actions=("fs.stat", "noop"))
        old = add_job(tx, state=JobState.FAILURE)
        group = {
            "fingerprint": PRINT,
            "rule": 0,
            "action": "noop",
            "error_class": "OSError",
            "examples": [],
            "hosts": [],
        }
        long_ago = {"first_at": START - timedelta(days=400), "last_at": START - timedelta(days=400)}
        tx.execute(insert(tables.error_groups).values(job_id=later, step=1, paths=5, message="newer", **group))
        tx.execute(insert(tables.error_groups).values(job_id=old, step=0, paths=7, message="old", **group, **long_ago))
    first, second = api.get("/api/v1/errors").json()["items"]
    assert {name: first[name] for name in ("fingerprint", "paths", "jobs", "job_ids", "message", "sites")} == {
        "fingerprint": PRINT, "paths": 43, "jobs": 2, "job_ids": [later, job], "message": "newer",
        "sites": ["london", "paris"],
    }  # fmt: skip
    assert first["workflows"] == ["copy", "other"]
    assert (second["fingerprint"], second["jobs"]) == (OTHER, 1)
    since = (START - timedelta(days=500)).isoformat()
    [all_] = api.get("/api/v1/errors", params={"since": since, "fingerprint": PRINT}).json()["items"]
    assert (all_["paths"], all_["jobs"]) == (50, 3)
    assert [one["paths"] for one in api.get("/api/v1/errors", params={"site": "paris"}).json()["items"]] == [5]
    assert [one["paths"] for one in api.get("/api/v1/errors", params={"workflow": "copy"}).json()["items"]] == [38, 10]
    page = api.get("/api/v1/errors", params={"limit": 1}).json()
    assert [one["fingerprint"] for one in page["items"]] == [PRINT]
    page = api.get("/api/v1/errors", params={"limit": 1, "cursor": page["next_cursor"]}).json()
    assert ([one["fingerprint"] for one in page["items"]], page["next_cursor"]) == ([OTHER], None)
    until = (START - timedelta(days=399)).isoformat()
    assert [
        one["paths"] for one in api.get("/api/v1/errors", params={"since": since, "until": until}).json()["items"]
    ] == [7]


def test_a_task_is_tried_again_by_a_job_of_its_own(anonymous: Http, admin_key: str, engine: Engine, job: int):
    with engine.connect() as connection:
        query = "select id from tasks where job_id = :job and state = cast(:state as task_state) order by id limit 1"
        ids = {
            state: connection.execute(text(query), {"job": job, "state": state}).scalar_one()
            for state in ("Error", "Failure", "Success")
        }
    with DocumentClient(str(anonymous.base_url), admin_key) as client:
        new = client.retry(ids["Error"], "mended")
        assert (new["redrive_of"], new["state"]) == (job, "Pending")
        entries = list(client.of_job(new["id"], "history"))
        assert entries[0]["reason"] == f"redrive of job {job}: mended"
        assert client.http.post(f"/tasks/{ids['Failure']}/retry", json={}).status_code == 409  # one at a time
        with engine.begin() as tx:
            tx.execute(text("update jobs set state = 'Cancelled', ended_at = now() where id = :id"), {"id": new["id"]})
        refused = client.http.post(f"/tasks/{ids['Success']}/retry", json={})
        assert (refused.status_code, "it ended Success" in refused.text) == (409, True)
        assert client.http.post("/tasks/99999/retry", json={}).status_code == 404
        assert client.http.post(f"/tasks/{ids['Failure']}/retry", json={"force": 1}).status_code == 422


def test_a_task_of_a_job_that_goes_on_is_not_tried_again_yet(api: Http, engine: Engine):
    with engine.begin() as tx:
        job = add_job(tx, state=JobState.STARTED)
        task = add_chain(tx, job, [b"/a"], [{"state": TaskState.FAILURE, "given": 1}]) << 6
    refused = api.post(f"/api/v1/tasks/{task}/retry", json={})
    assert refused.status_code == 409
    assert "CancelRequested" in refused.json()["legal_events"]
