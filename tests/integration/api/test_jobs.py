"""Jobs and what belongs to them, as the API tells it."""

from typing import Any

from httpx import Client
from sqlalchemy import Engine, insert, text

from orchestrator.contracts.paths import bitmap
from orchestrator.domain.batch_job import JobState
from orchestrator.domain.discovery import DiscoveryState
from orchestrator.domain.task import TaskState
from orchestrator.storage import tables
from tests.integration.api.rows import add_chain, add_job, add_outcome


def pages(api: Client, path: str, limit: int, **query: Any) -> list[dict[str, Any]]:
    """All items, a page at a time; each but the last page is full."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        answer = api.get(path, params={**query, "limit": limit, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        document = answer.json()
        found += document["items"]
        cursor = document["next_cursor"]
        if cursor is None:
            return found
        assert len(document["items"]) == limit


def test_a_job_is_told_whole(api: Client, engine: Engine):
    with engine.begin() as tx:
        job = add_job(
            tx,
            discovery=DiscoveryState.RUNNING,
            counts={"total": 10, "processed": 3, "failed": 1, "unmatched": 2, "cancelled": 1},
            steps=[{"success": 4, "started": 1}, {"pending": 5}],
            fields={"destinationsite": "paris"},
            name="nightly",
        )
        tx.execute(text("update jobs set started_at = now() - interval '10 s' where id = :id"), {"id": job})
    told = api.get(f"/api/v1/jobs/{job}").json()
    assert {
        "id": job,
        "kind": "batch",
        "workflow": "copy",
        "state": "Started",
        "name": "nightly",
    }.items() <= told.items()
    assert told["discovery"] == {"state": "Running", "found": 12, "cursor": None}
    none = {"Pending": 0, "Started": 0, "Success": 0, "Error": 0, "Failure": 0, "Skipped": 0, "Cancelled": 0}
    assert told["tasks"] == {**none, "Pending": 5, "Started": 1, "Success": 4}
    assert [(step["step"], step["action"], step["site"], step["Success"]) for step in told["steps"]] == [
        (0, "fs.checksum", "london", 4),
        (1, "noop", "paris", 0),
    ]
    assert told["paths"]["total"] == 10
    progress = told["progress"]
    assert (progress["done"], progress["total"], progress["total_is_final"]) == (5, 10, False)
    assert (progress["percent"], progress["eta"]) == (50.0, None)
    assert 0.3 < progress["rate_per_s"] <= 0.5
    assert "CancelRequested" in told["legal_events"]
    assert told["holds"] == []
    assert told["created_at"].endswith("Z")


def test_progress_at_its_ends(api: Client, engine: Engine):
    with engine.begin() as tx:
        empty = add_job(tx, state=JobState.SUCCESS)
        looking = add_job(tx, state=JobState.PENDING, discovery=DiscoveryState.RUNNING)
        nearly = add_job(tx, counts={"total": 100_000, "processed": 99_999})
        tx.execute(text("update jobs set started_at = now() - interval '10 s' where id = :id"), {"id": nearly})
    assert api.get(f"/api/v1/jobs/{empty}").json()["progress"]["percent"] == 100.0
    assert api.get(f"/api/v1/jobs/{empty}").json()["legal_events"] == []
    assert api.get(f"/api/v1/jobs/{looking}").json()["progress"]["percent"] == 0.0
    told = api.get(f"/api/v1/jobs/{nearly}").json()["progress"]
    assert told["percent"] == 99.9
    assert told["eta"] is not None


def test_jobs_are_listed_newest_first_a_page_at_a_time_and_filtered(api: Client, engine: Engine):
    with engine.begin() as tx:
        made = [add_job(tx, workflow=f"w{i % 2}", site=("london", "paris")[i % 2], owner=f"o{i % 3}") for i in range(7)]
        ended = add_job(tx, state=JobState.FAILURE, workflow="w9")
    assert [job["id"] for job in pages(api, "/api/v1/jobs", 3)] == [ended, *reversed(made)]
    assert [job["id"] for job in pages(api, "/api/v1/jobs", 2, state="Failure")] == [ended]
    assert len(pages(api, "/api/v1/jobs", 2, workflow=["w0", "w9"])) == 5
    assert len(pages(api, "/api/v1/jobs", 2, site="paris", owner=["o0", "o1"])) == 2
    assert pages(api, "/api/v1/jobs", 2, kind="edit") == []
    assert pages(api, "/api/v1/jobs", 2, created_before="2020-01-01T00:00:00Z") == []
    assert len(pages(api, "/api/v1/jobs", 50, created_after="2020-01-01T00:00:00+02:00")) == 8
    assert pages(api, "/api/v1/jobs", 2, parent=ended) == []


def test_tasks_and_one_task(api: Client, engine: Engine):
    error = {"error_class": "ValueError", "message": "no", "traceback": "..."}
    failed = {"state": TaskState.FAILURE, "given": 2, "failed": 2, "error": error, "worker": "london.worker@h"}
    chain = [failed, {"state": TaskState.CANCELLED}]
    with engine.begin() as tx:
        job = add_job(tx)
        add_job(tx)
        batch = [add_chain(tx, job, [b"a", b"b"], chain, sequence) for sequence in range(5)][-1]
    found = pages(api, f"/api/v1/jobs/{job}/tasks", 3)
    assert len(found) == 10
    assert [task["id"] for task in found] == sorted(task["id"] for task in found)
    assert [len(pages(api, f"/api/v1/jobs/{job}/tasks", 2, **only)) for only in (
        {"state": "Failure"}, {"state": ["Failure", "Cancelled"]}, {"step": 1}, {"site": "paris"}, {"site": "rome"},
    )] == [5, 10, 5, 5, 0]  # fmt: skip
    told = api.get(f"/api/v1/tasks/{batch << 6}").json()
    assert told["paths"] == {"given": 2, "processed": 0, "skipped": 0, "failed": 2, "aborted": 0}
    assert (told["error"], told["step"], told["action"], told["batch_id"]) == (error, 0, "fs.checksum", batch)
    assert api.get(f"/api/v1/tasks/{batch << 6 | 5}").status_code == 404


def test_errors_are_grouped_with_paths_that_can_be_read(api: Client, engine: Engine):
    with engine.begin() as tx:
        job = add_job(tx)
        for number, (rule, step) in enumerate([(0, 0), (0, 1), (-1, -1)]):
            tx.execute(
                insert(tables.error_groups).values(
                    job_id=job,
                    fingerprint=f"f{number}",
                    rule=rule,
                    step=step,
                    action="noop",
                    error_class="OSError",
                    message="no",
                    paths=number + 1,
                    examples=[b"/a b", b"/\xff"],
                    hosts=["h"],
                )
            )
    found = pages(api, f"/api/v1/jobs/{job}/errors", 1)
    assert [(group["paths"], group["step"]) for group in found] == [(3, None), (2, 1), (1, 0)]
    assert found[0]["example_paths"] == ["/a b", {"path": "/\N{REPLACEMENT CHARACTER}", "path_b64": "L/8="}]


def outcomes_of(api: Client, job: int, limit: int, **query: Any) -> list[tuple[str, str, int | None, str | None]]:
    return [
        (item["path"], item["outcome"], item["step"], item["message"])
        for item in pages(api, f"/api/v1/jobs/{job}/paths", limit, **query)
    ]


def test_what_became_of_each_path(api: Client, engine: Engine):
    """Three chains: one with a path that failed, one that broke, one called off; and a trouble of discovery."""
    error = {"error_class": "ValueError", "message": "no result", "traceback": ""}
    with engine.begin() as tx:
        job = add_job(tx)
        add_outcome(tx, job, 0, 1, "failed", b"/closed", "may not be read")
        passed = {"state": TaskState.ERROR, "given": 4, "processed": 2, "failed": 1, "skipped": 1}
        last = {"state": TaskState.SUCCESS, "given": 2, "processed": 2, "given_bits": bitmap([1, 3], 4)}
        one = add_chain(tx, job, [b"/1a", b"/1b", b"/1c", b"/1\xff"], [passed, last], 1) << 6
        add_outcome(tx, job, one, 0, "failed", b"/1a", "bad")
        add_outcome(tx, job, one, 2, "skipped", b"/1c", "not wanted")
        broken = {"state": TaskState.FAILURE, "given": 2, "failed": 2, "error": error}
        add_chain(tx, job, [b"/2a", b"/2b"], [broken, {"state": TaskState.CANCELLED}], 2)
        called_off = {"state": TaskState.CANCELLED, "given": 2, "failed": 1}
        three = add_chain(tx, job, [b"/3a", b"/3b"], [called_off, {"state": TaskState.CANCELLED}], 3) << 6
        add_outcome(tx, job, three, 0, "failed", b"/3a", "worse")
        add_chain(tx, job, [b"/4a"], [{"given": 1}, {}], 4)
    everything = [
        ("/closed", "failed", None, "may not be read"),
        ("/1a", "failed", 0, "bad"),
        ("/1c", "skipped", 0, "not wanted"),
        ("/1b", "processed", 1, None),
        ("/1\N{REPLACEMENT CHARACTER}", "processed", 1, None),
        ("/2a", "failed", 0, "no result"),
        ("/2b", "failed", 0, "no result"),
        ("/3a", "failed", 0, "worse"),
        ("/3b", "cancelled", 0, None),
    ]
    for limit in (1, 2, 4, 500):
        assert outcomes_of(api, job, limit) == everything
        for outcome in ("failed", "skipped", "aborted", "processed", "cancelled"):
            expected = [row for row in everything if row[1] == outcome]
            assert outcomes_of(api, job, limit, outcome=outcome) == expected
    two = outcomes_of(api, job, 3, outcome=["processed", "cancelled"])
    assert [row[1] for row in two] == ["processed", "processed", "cancelled"]
    [item] = [item for item in pages(api, f"/api/v1/jobs/{job}/paths", 50) if item["path_b64"]]
    assert item["path_b64"] == "LzH/"


def test_paths_of_many_batches(api: Client, engine: Engine):
    done = {"state": TaskState.SUCCESS, "given": 150, "processed": 150}
    with engine.begin() as tx:
        job = add_job(tx, actions=["noop"])
        expected: list[str] = []
        for sequence in range(30):
            names = [f"/{sequence}/{n}" for n in range(150)]
            expected += names
            add_chain(tx, job, [name.encode() for name in names], [done], sequence)
    assert [row[0] for row in outcomes_of(api, job, 499)] == expected


def test_history_is_told_oldest_first(api: Client, engine: Engine):
    with engine.begin() as tx:
        job = add_job(tx)
    found = pages(api, f"/api/v1/jobs/{job}/history", 1)
    assert [(entry["seq"], entry["event"], entry["from"], entry["to"]) for entry in found] == [
        (1, "Submitted", None, "Pending"),
        (2, "TaskStarted", "Pending", "Started"),
    ]
