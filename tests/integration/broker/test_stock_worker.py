"""A stock Celery worker, ``celery inspect`` and Flower understand what we put into a queue: none of it is ours."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import Celery

from orchestrator.broker.connection import connect
from orchestrator.broker.publisher import Publisher
from orchestrator.contracts import seal
from orchestrator.contracts.parcel import Parcel
from orchestrator.stack.ports import LOOPBACK, free_port
from orchestrator.stack.wait import wait_until
from tests.integration.broker.parcels import ACTION, SECRET, parcel

QUEUE = "london.default.worker"
SHOWN = "job 7, step 0, 500 paths"
STOCK = """
import json, os, pathlib, time
from celery import Celery

app = Celery(broker=os.environ["BROKER"], set_as_current=False)
app.conf.update(task_ignore_result=True, task_track_started=True)
folder = pathlib.Path(os.environ["FOLDER"])


def keep(request, name):
    said = {
        name: getattr(request, name) for name in (
            "id", "task", "root_id", "parent_id", "correlation_id", "reply_to", "args", "kwargs", "argsrepr",
            "kwargsrepr", "origin", "lang", "retries", "eta", "expires", "timelimit", "group", "chord", "callbacks",
            "errbacks", "chain", "ignore_result", "delivery_info",
        )
    }
    (folder / "part").write_text(json.dumps(said))
    (folder / "part").rename(folder / name)


@app.task(bind=True, name="fs.checksum", max_retries=1)
def checksum(self, *args, **kwargs):
    keep(self.request, f"{self.request.id}.{self.request.retries}")
    while not (folder / "go").exists():
        time.sleep(0.01)
    if self.request.id == "again" and not self.request.retries:
        raise self.retry(countdown=0)
    child.apply_async(queue=self.request.delivery_info["routing_key"], task_id=self.request.id + "'s child")


@app.task(bind=True, name="child")
def child(self):
    keep(self.request, self.request.id)
"""


class Stock:
    """The worker's programs, one of a kind each, in a folder of their own."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.folder, self._url, self._publisher = folder, redis_url, Publisher(connect(redis_url), SECRET)
        self._environment = os.environ | {"BROKER": redis_url, "FOLDER": str(folder)}
        (folder / "stock.py").write_text(STOCK)

    @contextmanager
    def running(self, *command: str, **told: str) -> Generator[None]:
        """A program of Celery's, as long as it is looked at."""
        log = self.folder / f"{command[0]}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "stock", *command],
                cwd=self.folder, env=self._environment | told, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        try:
            yield
            assert process.poll() is None, log.read_text()
        finally:
            self.go()
            _end(process)

    def send(self, *parcels: Parcel) -> None:
        self._publisher.publish([(one, 500) for one in parcels], [])

    def app(self) -> Celery:
        """A client of Celery's own."""
        return Celery(broker=self._url, set_as_current=False)

    def go(self) -> None:
        """Let the tasks that wait come to their end."""
        (self.folder / "go").touch()

    def kept(self, name: str) -> dict[str, Any]:
        """What a task was told about itself, as soon as it has begun."""
        assert wait_until((self.folder / name).exists, 30), (self.folder / "worker.log").read_text()
        return json.loads((self.folder / name).read_text())

    def inspect(self, what: str) -> list[dict[str, Any]]:
        """What the one worker answers to ``celery inspect``."""
        command = [sys.executable, "-m", "celery", "-A", "stock", "inspect", "--json", "--timeout", "10", what]
        answer = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, check=True, timeout=60
        )
        [said] = json.loads(answer.stdout).values()
        return said


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end; it is nobody's concern here that Celery's worker does not always."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def stock(tmp_path: Path, redis_url: str) -> Iterator[Stock]:
    stock = Stock(tmp_path, redis_url)
    with stock.running("worker", "-c", "1", "-Q", QUEUE, "-E"):
        yield stock


def test_it_runs_a_parcel_and_is_told_what_celery_tells(stock: Stock) -> None:
    sent = parcel("an-id")
    stock.send(sent)
    told = stock.kept("an-id.0")
    sealed = base64.b64decode(told.pop("args")[0])
    assert seal.unseal(seal.site_key(SECRET, "london"), Parcel, sealed) == sent
    delivered = told.pop("delivery_info")
    assert (delivered["routing_key"], delivered["priority"], delivered["redelivered"]) == (QUEUE, 0, False)
    assert told == {
        "id": "an-id", "task": ACTION, "root_id": "an-id", "parent_id": None, "correlation_id": "an-id",
        "reply_to": "", "kwargs": {}, "argsrepr": SHOWN, "kwargsrepr": "{}", "origin": "hub@orchestrator",
        "lang": "py", "retries": 0, "eta": None, "expires": None, "timelimit": [None, None], "group": None,
        "chord": None, "callbacks": None, "errbacks": None, "chain": None, "ignore_result": True,
    }  # fmt: skip


def test_what_comes_of_a_parcel_knows_where_it_comes_from(stock: Stock) -> None:
    stock.send(parcel("again"))
    stock.go()
    first, second = stock.kept("again.0"), stock.kept("again.1")
    assert (second["retries"], second["args"], second["kwargs"]) == (1, first["args"], {})
    assert (second["id"], second["root_id"]) == ("again", "again")
    child = stock.kept("again's child")
    assert (child["root_id"], child["parent_id"]) == ("again", "again")


def test_inspect_shows_what_runs_and_what_waits(stock: Stock) -> None:
    stock.send(parcel("runs"), parcel("waits"))
    stock.kept("runs.0")
    [active] = stock.inspect("active")
    assert (active["id"], active["name"], active["kwargs"]) == ("runs", ACTION, {})
    assert active["delivery_info"]["routing_key"] == QUEUE
    [reserved] = stock.inspect("reserved")
    assert (reserved["id"], reserved["name"], reserved["kwargs"]) == ("waits", ACTION, {})
    with stock.app() as app:
        answer = app.control.inspect(timeout=10).active(safe=True)
    assert answer is not None
    [[shown]] = answer.values()
    assert (shown["id"], shown["args"], shown["kwargs"]) == ("runs", SHOWN, "{}")
    stock.go()
    stock.kept("waits.0")


def test_flower_shows_a_parcel_from_its_beginning_to_its_end(stock: Stock) -> None:
    port = free_port()
    told = {"FLOWER_ADDRESS": LOOPBACK, "FLOWER_PORT": str(port), "FLOWER_UNAUTHENTICATED_API": "true"}
    with stock.running("flower", **told), httpx.Client(base_url=f"http://{LOOPBACK}:{port}", timeout=10) as flower:

        def seen(id: str) -> dict[str, Any]:
            try:
                return flower.get("/api/tasks", params={"taskname": ACTION}).raise_for_status().json().get(id, {})
            except httpx.TransportError:
                return {}

        def hears() -> bool:
            """Whether an event of the worker has come to it: they are sent every two seconds."""
            try:
                return bool(flower.get("/workers", params={"json": "1"}).raise_for_status().json()["data"])
            except httpx.TransportError:
                return False

        assert wait_until(hears, 30), (stock.folder / "flower.log").read_text()
        stock.send(parcel("an-id"))
        assert wait_until(lambda: seen("an-id").get("state") == "STARTED", 30), seen("an-id")
        shown = seen("an-id")
        assert (shown["name"], shown["args"], shown["kwargs"], shown["root_id"]) == (ACTION, SHOWN, "{}", "an-id")
        stock.go()
        assert wait_until(lambda: seen("an-id")["state"] == "SUCCESS", 30), seen("an-id")
