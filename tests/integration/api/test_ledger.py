"""A job's ledger as a file: every path once, whatever became of it and whatever its name is made of."""

import base64
import csv
import io
import json
import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest
from httpx import Client as Http
from pyarrow import parquet
from sqlalchemy import Engine, insert, text

from orchestrator.client import Client, DocumentClient
from orchestrator.contracts.paths import Carry, PathList, bitmap, pack, pack_carry
from orchestrator.domain.batch_job import JobState
from orchestrator.domain.task import TaskState
from orchestrator.storage import tables
from orchestrator.storage.queries import ledger
from orchestrator.storage.queries.ledger import read_ledger
from tests.integration.api.rows import add_chain, add_job, add_outcome
from tests.integration.api.test_jobs import pages

ODD = [
    b"/data/caf\xc3\xa9.tif",
    b"/data/\xff\xfe.tif",
    b'/data/"a",\nb',
    b"/data/\x1b[2J",
    b"=1+1",
    b"/data/\xf0\x9f\x8c\x8d",
]


@pytest.fixture
def job(engine: Engine) -> int:
    """Six chains of two steps: one of each kind of end, one that goes on, and one path that discovery failed on."""
    with engine.begin() as tx:
        job = add_job(tx, state=JobState.STARTED, counts={"total": 15})
        all_well = {"state": TaskState.SUCCESS, "given": len(ODD), "processed": len(ODD), "worker": "london.worker@h1"}
        add_chain(tx, job, ODD, [all_well, all_well], 1)
        some = {"state": TaskState.ERROR, "given": 3, "processed": 1, "failed": 1, "skipped": 1}
        last = {"state": TaskState.SUCCESS, "given": 1, "given_bits": bitmap([2], 3), "processed": 1}
        batch = add_chain(tx, job, [b"/bad", b"/skipped", b"/good"], [some, last], 2)
        add_outcome(tx, job, batch << 6, 0, "failed", b"/bad", "is bad")
        add_outcome(tx, job, batch << 6, 1, "skipped", b"/skipped", "not wanted")
        tx.execute(insert(tables.carries).values(task_id=batch << 6 | 1, carry=pack_carry(Carry({2: b"/renamed"}))))
        error = {"error_class": "OSError", "message": "no space left", "traceback": ""}
        broken = {"state": TaskState.FAILURE, "given": 2, "error": error}
        batch = add_chain(tx, job, [b"/f1", b"/f2"], [broken, {"state": TaskState.CANCELLED}], 3)
        add_outcome(tx, job, batch << 6, 0, "failed", b"/f1", "said before it broke")
        stopped = {"state": TaskState.CANCELLED, "given": 2, "processed": 1, "passed_bits": bitmap([1], 2)}
        add_chain(tx, job, [b"/c1", b"/c2"], [{"state": TaskState.SUCCESS, "given": 2, "processed": 2}, stopped], 4)
        add_chain(tx, job, [b"/waits"], [{"state": TaskState.STARTED, "given": 1}, {"state": TaskState.PENDING}], 5)
        add_outcome(tx, job, 0, 7, "failed", b"/unreadable", "permission denied")
    return job


def told(api: Http, job: int, **query: Any) -> list[dict[str, Any]]:
    answer = api.get(f"/api/v1/jobs/{job}/ledger", params={"format": "jsonl", **query})
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_every_path_is_told_once_with_what_became_of_it(api: Http, job: int):
    lines = told(api, job)
    assert {line["job_id"] for line in lines} == {job}
    by_path = {line["path"]: (line["outcome"], line["step"], line["message"]) for line in lines}
    assert len(by_path) == len(lines) == len(ODD) + 9
    assert {path: by_path[path] for path in by_path if path.startswith("/") and not path.startswith("/data")} == {
        "/unreadable": ("failed", None, "permission denied"),
        "/bad": ("failed", 0, "is bad"),
        "/skipped": ("skipped", 0, "not wanted"),
        "/renamed": ("processed", 1, None),
        "/f1": ("failed", 0, "no space left"),
        "/f2": ("failed", 0, "no space left"),
        "/c1": ("cancelled", 1, None),
        "/c2": ("processed", 1, None),
        "/waits": (None, 0, None),
    }
    first = next(line for line in lines if line["path"] == "/data/café.tif")
    assert (first["action"], first["site"], first["worker"]) == ("noop", "paris", "london.worker@h1")


def test_it_agrees_with_the_list_of_paths(api: Http, job: int):
    listed = Counter(
        (item["path"], item["outcome"], item["step"]) for item in pages(api, f"/api/v1/jobs/{job}/paths", 500)
    )
    assert Counter((x["path"], x["outcome"], x["step"]) for x in told(api, job) if x["outcome"]) == listed
    assert {line["outcome"] for line in told(api, job, outcome=["failed", "cancelled"])} == {"failed", "cancelled"}


def test_names_of_any_bytes_come_through_each_format(api: Http, job: int, tmp_path: Path):
    address = f"/api/v1/jobs/{job}/ledger"
    rows = list(csv.DictReader(io.StringIO(api.get(address).content.decode(), newline="")))
    (tmp_path / "x.parquet").write_bytes(api.get(address, params={"format": "parquet"}).content)
    columns = parquet.read_table(tmp_path / "x.parquet").to_pylist()
    for lines in (rows, columns, told(api, job)):
        exact = [
            base64.b64decode(line["path_b64"]) if line["path_b64"] else line["path"].encode()
            for line in lines
            if line["worker"]
        ]
        assert exact == ODD
    assert [row["outcome"] or None for row in rows] == [row["outcome"] for row in columns]
    assert rows[1]["size"] == ""
    assert columns[1]["size"] is None


def test_it_is_the_same_however_small_the_parts(api: Http, job: int, monkeypatch: pytest.MonkeyPatch):
    whole = told(api, job)
    monkeypatch.setattr(ledger, "PATHS_AT_ONCE", 1)
    assert told(api, job) == whole


def test_what_can_not_be_exported_is_refused(api: Http, job: int):
    assert api.get("/api/v1/jobs/99999/ledger").status_code == 404
    assert api.get(f"/api/v1/jobs/{job}/ledger", params={"format": "xls"}).status_code == 422
    assert api.get(f"/api/v1/jobs/{job}/ledger", params={"outcome": "lost"}).status_code == 422


def test_the_client_and_an_empty_job(anonymous: Http, admin_key: str, engine: Engine, job: int):
    with engine.begin() as tx:
        empty = add_job(tx, state=JobState.SUCCESS)
    with Client(str(anonymous.base_url), admin_key) as client:
        lines = list(client.ledger(job))
        assert [line.path_b64 for line in lines].count(None) == len(lines) - 1
    with DocumentClient(str(anonymous.base_url), admin_key) as client:
        assert len(list(client.ledger(job))) == len(lines) == len(ODD) + 9
        assert list(client.ledger(empty)) == []
        assert b"".join(client.export(empty)).decode().startswith("job_id,path,path_b64,outcome")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("written_as", ["csv", "parquet"])
def test_200_000_paths_take_no_more_memory_than_few(anonymous: Http, admin_key: str, engine: Engine, written_as: Any):
    n, batches = 1000, 200
    with engine.begin() as tx:
        job = add_job(tx, state=JobState.SUCCESS, actions=("noop",))
        for number in range(batches):
            names = [b"/data/some/folder/that/has/a/name/%04d/file-%06d.tif" % (number, one) for one in range(n)]
            row = {"job_id": job, "rule": 0, "subtree": 0, "sequence": number, "n": n, "paths": pack(PathList(names))}
            tx.execute(insert(tables.batches).values(**row))
        tx.execute(
            text("""
                insert into tasks (id, job_id, rule, state, given, processed)
                select id << 6, job_id, 0, 'Success', n, n from batches where job_id = :job
            """),
            {"job": job},
        )
    process = psutil.Process()
    with DocumentClient(str(anonymous.base_url), admin_key) as client:
        sum(map(len, client.export(job, written_as, outcome=["failed"])))  # whatever is loaded once
        before, most, over = process.memory_info().rss, 0, threading.Event()

        def look() -> None:
            nonlocal most
            while not over.wait(0.02):
                most = max(most, process.memory_info().rss)

        watching = threading.Thread(target=look)
        watching.start()
        try:
            if written_as == "csv":
                assert sum(piece.count(b"\n") for piece in client.export(job, "csv")) == n * batches + 1
            else:
                with open(os.devnull, "wb") as nowhere:
                    nowhere.writelines(client.export(job, "parquet"))
        finally:
            over.set()
            watching.join()
    assert most - before < 100 * 2**20, f"{(most - before) / 2**20:.0f} MiB more"


def test_a_reader_who_leaves_is_no_burden(anonymous: Http, admin_key: str, engine: Engine, job: int):
    reading = read_ledger(engine, job)
    next(reading)
    reading.close()
    with engine.connect() as connection:
        open_ = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in%'"
        assert connection.execute(text(open_)).scalar_one() == 0
