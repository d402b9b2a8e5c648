"""A stock Celery worker runs what we put into its queue, and ``celery inspect`` shows job, step and paths."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from orchestrator.broker.connection import connect
from orchestrator.broker.publisher import Publisher
from orchestrator.contracts import seal
from orchestrator.contracts.parcel import Parcel, TaskOrder

SECRET = b"a secret of more than thirty-two characters"
STOCK = """
import json, os, pathlib, time
from celery import Celery
app = Celery(broker=os.environ["BROKER"], set_as_current=False)
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)

@app.task(bind=True, name="fs.checksum")
def checksum(self, *args, **kwargs):
    seen = {"id": self.request.id, "args": args, "kwargs": kwargs, "queue": self.request.delivery_info["routing_key"]}
    folder = pathlib.Path(os.environ["FOLDER"])
    (folder / "seen.part").write_text(json.dumps(seen))
    (folder / "seen.part").rename(folder / "seen.json")
    while not (folder / "go").exists():
        time.sleep(0.01)
    (folder / "done").touch()
"""


@pytest.fixture
def worker(tmp_path: Path, redis_url: str) -> Iterator[subprocess.Popen[bytes]]:
    (tmp_path / "stock.py").write_text(STOCK)
    command = [sys.executable, "-m", "celery", "-A", "stock", "worker", "-c", "1", "-Q", "london.default.worker"]
    environment = os.environ | {"BROKER": redis_url, "FOLDER": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=log, stdout=log)
        yield process
        (tmp_path / "go").touch()
        process.terminate()
        process.wait(20)


def test_a_stock_worker_runs_a_parcel(worker: subprocess.Popen[bytes], tmp_path: Path, redis_url: str) -> None:
    task = TaskOrder(64, 1, b"paths")
    parcel = Parcel("an-id", "london", "default", "worker", "fs.checksum", 7, 0, {"algorithm": "md5"}, [task], 1e10)
    Publisher(connect(redis_url), SECRET).publish([(parcel, 500)], [])
    wait_for(tmp_path / "seen.json", worker)
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert (seen["id"], seen["kwargs"], seen["queue"]) == ("an-id", {}, "london.default.worker")
    sealed = base64.b64decode(seen["args"][0])
    assert seal.unseal(seal.site_key(SECRET, "london"), Parcel, sealed) == parcel
    active = Celery(broker=redis_url, set_as_current=False).control.inspect(timeout=5).active()
    assert active is not None
    (shown,) = next(iter(active.values()))
    assert (shown["name"], shown["id"]) == ("fs.checksum", "an-id")
    (tmp_path / "go").touch()
    wait_for(tmp_path / "done", worker)


def wait_for(path: Path, worker: subprocess.Popen[bytes], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert worker.poll() is None, (path.parent / "log").read_text()
        assert time.monotonic() < end, (path.parent / "log").read_text()
        time.sleep(0.02)
