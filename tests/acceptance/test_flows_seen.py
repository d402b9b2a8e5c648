"""What others see of a job: server-sent events, Flower and ``celery inspect``, as they come."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from orchestrator.client import parse_events
from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.stack.wait import wait_until
from tests.acceptance.whole_stack import Document, Whole, make_files

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("whole")]


def events(whole: Whole, job: int) -> list[tuple[int, Document]]:
    """Every event of a job, until the stream is closed by the other end."""
    with whole.http.stream("GET", f"/jobs/{job}/events", timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [(int(name or -1), event) for name, event in parse_events(answer.iter_lines())]


def test_live_events_end_with_the_job(whole: Whole) -> None:
    files = make_files(whole.folder(), [f"{number}.txt" for number in range(8)])
    workflow = whole.define({"name": "sleep", "seconds": 0.3}, {"name": "noop", "site": "paris"}, batch_size=1)
    job = whole.submit(workflow, files[0].parent)
    told = events(whole, job)
    states = [event["state"] for _, event in told]
    assert states[0] in {"Pending", "Started"}
    assert states[-1] == "Success"
    assert [state for state in states if state in BATCH_JOB.terminal] == ["Success"]
    numbers = [number for number, _ in told]
    assert numbers == sorted(numbers)
    done = [event["progress"]["done"] for _, event in told]
    assert done == sorted(done)
    assert done[-1] == 8
    assert len(told) > 2, "it was followed while it went on"
    last = whole.end(job)
    assert {name: told[-1][1][name] for name in ("tasks", "paths", "progress")} == {
        name: last[name] for name in ("tasks", "paths", "progress")
    }
    assert [event for _, event in events(whole, job)] == [told[-1][1] | {"from": events(whole, job)[0][1]["from"]}]


def test_celery_and_flower_show_what_runs(whole: Whole, tmp_path: Path) -> None:
    workflow = whole.define({"name": "example.wait", "folder": str(tmp_path), "site": "paris"}, discovery=None)
    job = whole.submit(workflow, "one", "two")
    shown = f"job {job}, step 0"
    active: list[Document] = []

    def is_active() -> bool:
        inspected = inspect(whole, "active")
        active[:] = [task for node, tasks in inspected.items() if node.startswith("paris.") for task in tasks]
        return any(shown in str(task["args"]) for task in active)

    assert wait_until(is_active, 20), active
    [task] = [task for task in active if shown in str(task["args"])]
    assert task["name"] == "example.wait"
    assert "2 paths" in str(task["args"])
    assert wait_until(lambda: shown in str(flower(whole, "/api/tasks", taskname="example.wait")), 20)
    [seen] = [task for task in flower(whole, "/api/tasks", taskname="example.wait").values() if shown in task["args"]]
    assert (seen["name"], seen["state"]) == ("example.wait", "STARTED")
    workers = flower(whole, "/api/workers")
    assert {name.partition("@")[0] for name in workers} >= {
        "london.worker", "london.discovery", "paris.worker", "paris.discovery",
    }  # fmt: skip
    (tmp_path / "go").touch()
    whole.end(job)
    uuid = seen["uuid"]
    assert wait_until(lambda: flower(whole, f"/api/task/info/{uuid}")["state"] == "SUCCESS", 20)
    for pool in ("london.worker", "london.discovery"):
        assert "pidbox command error" not in (whole.home / "logs" / f"{pool}.log").read_text(), (
            "Flower has asked by now"
        )


def test_flower_wants_its_password(whole: Whole) -> None:
    address = urlsplit(whole.profile["flower_url"])
    assert httpx.get(f"http://{address.hostname}:{address.port}/api/tasks").status_code == 401


def test_the_sites_tell_who_is_there(whole: Whole) -> None:
    sites = {site["name"]: site for site in whole.items("/sites")}
    assert set(sites) == {"london", "paris"}
    for site in sites.values():
        assert (site["health"], site["problems"]) == ("ok", [])
        assert {node["function"]: node["concurrency"] for node in site["nodes"]} == {"worker": 2, "discovery": 2}
        assert {"noop", "sleep", "fs.checksum", "fs.stat", "fs.copy", "example.record"} <= {
            action["action"] for action in site["actions"]
        }
        assert "recursive" in site["discoveries"]
    flower = urlsplit(whole.profile["flower_url"])
    (link,) = {site["flower_url"] for site in sites.values()}
    assert link == f"http://{flower.hostname}:{flower.port}/workers"
    assert link in whole.cli("site", "london")


def inspect(whole: Whole, what: str) -> dict[str, list[Document]]:
    """``celery inspect``, as it comes."""
    broker = whole.profile["redis_url"]
    command = [sys.executable, "-m", "celery", "-b", broker, "inspect", what, "--json", "--timeout", "3"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def flower(whole: Whole, path: str, **query: Any) -> dict[str, Document]:
    """An answer of Flower's own API; the address in the profile has the password."""
    return httpx.get(whole.profile["flower_url"] + path, params=query, timeout=20).raise_for_status().json()
