"""Kill -9 at every named moment of the code: in the hub, the API, a worker's child, its parent, a walker."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from orchestrator.client import path_input
from orchestrator.contracts.failpoints import FAILPOINTS, FOLDER, SPEC, firings, hits
from orchestrator.stack.ports import LOOPBACK, free_port
from orchestrator.stack.wait import wait_until
from tests.faults.edits import STEPS, Edit
from tests.faults.stack import SITE, Stack
from tests.faults.trial import END_GOES_ON, TASKS_GO_ON, WALK_GOES_ON, Trial

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("faults")]

QUICK = {"hub.applied", "hub.committed", "worker.claimed", "worker.path_done", "discovery.sent", "api.submit.committed"}
WHEN = {
    "hub.taking_over": 1,
    "hub.dequeuing": 1,
    "prune.deleting": 1,
    "worker.speaking": 1,
    "discovery.claimed": 1,
}
"""At which time of coming by it happens; else at the third."""


def _named(*prefixes: str) -> list[Any]:
    names = [name for name in FAILPOINTS if name.startswith(prefixes)]
    return [pytest.param(name, marks=pytest.mark.quick) if name in QUICK else name for name in names]


@pytest.fixture(scope="module")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the processes of these tests note what they came by: those of each test in a folder of its own."""
    return tmp_path_factory.mktemp("failpoints")


def _told(name: str, marks: Path, *more: str) -> dict[str, str]:
    """What a process is told, so that it dies at this moment, once."""
    folder = marks / name
    folder.mkdir()
    return {SPEC: ",".join([f"{name}=kill@{WHEN.get(name, 3)}/once", *more]), FOLDER: str(folder)}


def _fired(name: str, marks: Path) -> bool:
    return any(firing.name == name for firing in firings(marks / name))


@pytest.mark.parametrize("name", [name for name in _named("hub.") if name != "hub.dequeuing"])
def test_of_the_hub(name: str, trial: Trial, marks: Path) -> None:
    trial.begin(paths=100, seconds=0.1)
    stack = trial.stack
    with stack.also(stack.installation.hub(), **_told(name, marks)) as second:
        trial.under_way(5)
        assert wait_until(lambda: stack.waiting_hubs() == 1, 30)
        with trial.fault(f"kill -9 at {name}", 30):
            stack.kill("hub")
            assert second.wait(30) == -signal.SIGKILL
    assert _fired(name, marks)
    trial.ends()


def test_of_the_hub_while_it_cancels(trial: Trial, marks: Path) -> None:
    trial.begin(paths=200)
    stack = trial.stack
    trial.under_way(5)
    with stack.also(stack.installation.hub(), **_told("hub.dequeuing", marks)) as second:
        assert wait_until(lambda: stack.waiting_hubs() == 1, 30)
        stack.kill("hub")
        assert wait_until(lambda: stack.active_hub() == second.pid, 30)
        with trial.fault("kill -9 at hub.dequeuing", 30, END_GOES_ON):
            stack.whole.http.post(f"/jobs/{trial.job}/cancel", json={}).raise_for_status()
            assert second.wait(30) == -signal.SIGKILL
    trial.ends("Cancelled")


@pytest.mark.parametrize("name", _named("schedule."))
def test_of_a_schedule(name: str, trial: Trial, marks: Path) -> None:
    """Each due time has one job, whether its hub had come to say so or not."""
    stack = trial.stack
    workflow = stack.whole.define({"name": "noop"}, discovery=None, type="all")
    said = {"name": f"often-{uuid4().hex[:8]}", "workflow": workflow, "site": SITE, "paths": ["a"]}
    with stack.also(stack.installation.hub(), **_told(name, marks)) as second:
        assert wait_until(lambda: stack.waiting_hubs() == 1, 30)
        stack.kill("hub")
        made = stack.whole.http.post("/schedules", json=said | {"every": "1s", "overlap": "queue"}).raise_for_status()
        assert second.wait(30) == -signal.SIGKILL
    assert _fired(name, marks)
    id = made.json()["id"]
    fired = "select count(*) from firings where schedule_id = :id and job_id is not null"
    assert wait_until(lambda: stack.record.one(fired, id=id) >= 5, 30)
    stack.whole.http.post(f"/schedules/{id}/pause").raise_for_status()
    jobs = stack.record.rows("select id, ended_at from jobs where name = :name", name=said["name"])
    assert len(jobs) == stack.record.one(fired, id=id)
    gaps = """
        select count(*) from (select due_at - lag(due_at) over (order by due_at) as gap from firings
          where schedule_id = :id) x where gap <> interval '1 second'
    """
    assert stack.record.one(gaps, id=id) == 0
    for job in jobs:
        assert stack.whole.end(job.id)["state"] == "Success"


@pytest.mark.parametrize("name", _named("worker.", "discovery."))
def test_of_a_site(name: str, trial: Trial, marks: Path) -> None:
    stack = trial.stack
    # A parent speaks for a child, so one has to die.
    more = ["worker.handled=kill@5/once"] if name == "worker.speaking" else []
    with stack.also(stack.site(trial.far), **_told(name, marks, *more)):
        assert wait_until(lambda: stack.has_site(trial.far), 30)
        walks = name.startswith("discovery")
        trial.begin(*((2000, 0.0) if walks else (60, 0.05)), site=trial.far)
        with trial.fault(f"kill -9 at {name}", 45, WALK_GOES_ON if walks else TASKS_GO_ON):
            assert wait_until(lambda: _fired(name, marks), 30), "nobody came by"
        trial.ends()


@pytest.mark.parametrize("name", _named("api.submit."))
def test_of_a_submission(name: str, trial: Trial, marks: Path) -> None:
    """I18: what was not answered is asked again, and is there once."""
    stack, port, key = trial.stack, free_port(), uuid4().hex
    body = {"workflow": trial.workflow(), "site": SITE, "paths": [path_input(bytes(trial.folder(5)))]}
    with stack.also(stack.installation.api(port), **_told(name, marks)) as second:
        asked = httpx.Client(base_url=f"http://{LOOPBACK}:{port}/api/v1", headers=stack.whole.http.headers)
        with asked as http:
            _wait_for(http)
            for number in range(2):
                http.post("/jobs", json=body, headers={"Idempotency-Key": f"{key}-{number}"}).raise_for_status()
            with pytest.raises(httpx.TransportError):
                http.post("/jobs", json=body, headers={"Idempotency-Key": key})
        assert second.wait(10) == -signal.SIGKILL
    again = [stack.whole.http.post("/jobs", json=body, headers={"Idempotency-Key": key}) for _ in range(2)]
    assert [answer.status_code for answer in again] == [200 if name.endswith(".committed") else 201, 200]
    assert len({answer.json()["id"] for answer in again}) == 1
    count = "select count(*) from jobs where idempotency_key = :key"
    assert stack.record.one(count, key=key) == 1
    trial.job = again[0].json()["id"]
    assert trial.wait_for_end() == "Success"


@pytest.mark.parametrize("name", _named("api.stream."))
def test_of_a_stream(name: str, trial: Trial, marks: Path) -> None:
    """What was sent and not answered is sent again, and is there once."""
    stack, port = trial.stack, free_port()
    body = {"workflow": trial.workflow(), "site": SITE, "discovery": "stream"}
    job = stack.whole.http.post("/jobs", json=body).raise_for_status().json()["id"]
    paths = [path_input(os.fsencode(path)) for path in trial.folder(100).iterdir()]
    lines = [json.dumps(path) + "\n" for path in paths]
    headers = {"Content-Type": "application/x-ndjson"}
    with stack.also(stack.installation.api(port), **_told(name, marks)) as second:
        asked = httpx.Client(
            base_url=f"http://{LOOPBACK}:{port}/api/v1", headers={**stack.whole.http.headers, **headers}
        )
        with asked as http:
            _wait_for(http)
            for begin in (0, 10):
                content = "".join(lines[begin : begin + 10])
                http.post(f"/jobs/{job}/paths?offset={begin}", content=content).raise_for_status()
            with pytest.raises(httpx.TransportError):
                http.post(f"/jobs/{job}/paths?offset=20", content="".join(lines[20:60]))
        assert second.wait(10) == -signal.SIGKILL
    kept = int(stack.whole.http.get(f"/jobs/{job}").json()["discovery"]["cursor"])
    assert kept == (60 if name.endswith(".committed") else 20)
    again = f"/jobs/{job}/paths?offset=20&close=true"
    answer = stack.whole.http.post(again, content="".join(lines[20:]), headers=headers).raise_for_status()
    assert answer.json() == {"job_id": job, "lines": 100, "closed": True}
    trial.job = job
    assert trial.wait_for_end() == "Success"
    assert stack.record.one("select total from progress where job_id = :job", job=job) == 100


@pytest.mark.parametrize("name", _named("api.control."))
def test_of_a_cancel(name: str, trial: Trial, marks: Path) -> None:
    stack, port = trial.stack, free_port()
    # So much that it goes on while another API starts, and is paused and resumed.
    trial.begin(paths=100, seconds=0.5)
    trial.under_way(5)
    with stack.also(stack.installation.api(port), **_told(name, marks)) as second:
        with httpx.Client(base_url=f"http://{LOOPBACK}:{port}/api/v1", headers=stack.whole.http.headers) as http:
            _wait_for(http)
            for verb in ("pause", "resume"):
                http.post(f"/jobs/{trial.job}/{verb}", json={}).raise_for_status()
            with pytest.raises(httpx.TransportError):
                http.post(f"/jobs/{trial.job}/cancel", json={})
        assert second.wait(10) == -signal.SIGKILL
    assert stack.whole.http.post(f"/jobs/{trial.job}/cancel", json={}).is_success
    trial.ends("Cancelled")


@pytest.mark.parametrize("name", _named("edit."))
def test_of_what_goes_on_with_edit_jobs(name: str, stack: Stack, marks: Path, tmp_path: Path) -> None:
    edit = Edit(stack, tmp_path / "notes", seconds=0.0)
    edit.begin()
    with stack.also(stack.installation.hub(), **_told(name, marks)) as second:
        assert wait_until(lambda: stack.waiting_hubs() == 1, 30)
        stack.kill("hub")
        assert wait_until(lambda: stack.active_hub() == second.pid, 30)
        edit.fire("activate")
        assert wait_until(lambda: edit.seen()["state"] == "Prepared", 60)
        edit.fire("download")
        edit.fire("upload")
        assert second.wait(30) == -signal.SIGKILL
    assert wait_until(lambda: edit.seen()["state"] == "Completed", 60), edit.seen()
    assert [run["state"] for run in edit.runs()] == ["Success"] * len(STEPS)


def test_of_a_prune(trial: Trial, marks: Path) -> None:
    """What was begun is finished by the next, whichever it is."""
    trial.begin(paths=100)
    trial.ends()
    stack, name = trial.stack, "prune.deleting"
    call = [sys.executable, "-m", "orchestrator.cli.main", "db", "prune", "--success-days", "0"]
    told = {**os.environ, "ORCHESTRATOR_DATABASE_URL": stack.installation.database_url}
    killed = subprocess.run(call, env={**told, **_told(name, marks)}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert _fired(name, marks)
    subprocess.run(call, env=told, check=True)
    assert stack.whole.http.get(f"/jobs/{trial.job}").status_code == 404


def _wait_for(http: httpx.Client) -> None:
    def answers() -> bool:
        try:
            return http.get("/jobs", params={"limit": 1}).is_success
        except httpx.TransportError:
            return False

    assert wait_until(answers, 30)


def test_every_moment_was_met(request: pytest.FixtureRequest, marks: Path) -> None:
    """Last of all: a name in the code that no test comes by is a promise that nobody tries."""
    if request.config.option.markexpr or request.config.option.keyword:
        pytest.skip("only some of the moments were chosen")
    folders = list(marks.iterdir())
    assert set().union(*(hits(folder) for folder in folders)) >= set(FAILPOINTS)
    assert {firing.name for folder in folders for firing in firings(folder)} >= set(FAILPOINTS)
