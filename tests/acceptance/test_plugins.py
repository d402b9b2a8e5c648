"""A plugin from the template to its use: installed into a running site while a task of another one goes on."""

import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.stack.lifeline import tied
from orchestrator.stack.wait import wait_until
from tests.acceptance.whole_stack import Whole, make_files, started

pytestmark = pytest.mark.timeout(300)

PATIENT = """
import os, time
from workers import Context, Path, action


@action("patient.wait", version="1")
def wait(ctx: Context, paths: list[Path], *, file: str) -> None:
    for path in ctx.each(paths):
        with ctx.outcome(path):
            ctx.log.info("waiting")
            while not os.path.exists(file):
                ctx.progress(0.5, "half way")
                ctx.stop_if_cancelled()
                time.sleep(0.05)
            ctx.log.info("it has waited")
"""
BROKEN = "from workers import action\n\n\ndef helper():\n    return 1 / 0\n\n\nhelper()\n"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Whole]:
    """One site whose workers find what is installed in ``plugins``, where one plugin is at first."""
    install(new("patient", tmp_path, actions=PATIENT), tmp_path)
    with tempfile.TemporaryDirectory(prefix="plugins-") as folder:
        top = Path(folder)
        top.chmod(0o711)  # root's database is another user's, who has to pass through
        for name in ("data", "more"):
            (top / name).mkdir()
        told = {"PYTHONPATH": str(tmp_path / "plugins")}
        options = ("--no-flower", "--site", "london", "--concurrency", 2)
        with started(top / "home", top / "data", top / "more", *options, environment=told) as stack:
            yield stack


def new(name: str, folder: Path, actions: str | None = None) -> Path:
    """A plugin as the template makes it, or with these actions."""
    command = [sys.executable, "-m", "orchestrator.cli.main", "plugin", "new", name, "--in", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    if actions is not None:
        (folder / name / "src" / name / "actions.py").write_text(actions)
    return folder / name


def install(plugin: Path, tmp_path: Path) -> None:
    """Build the plugin, and unpack it as an installer does (`pip install --target plugins`)."""
    built = tmp_path / "built" / plugin.name
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    done = subprocess.run(build, cwd=plugin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "plugins")


def following(site: Whole, job: int) -> "subprocess.Popen[str]":
    """``orchestrator logs --follow``; it ends with the job."""
    command = [sys.executable, "-m", "orchestrator.cli.main", "logs", str(job), "--follow"]
    env = {**os.environ, "ORCHESTRATOR_HOME": str(site.home), "COLUMNS": "200"}
    return subprocess.Popen(tied(command, signal.SIGTERM), env=env, stdout=subprocess.PIPE, text=True)


def offered(site: Whole) -> set[str]:
    return {offer["action"] for offer in site.http.get("/sites/london").json()["actions"]}


def restart_of(site: Whole) -> dict[str, Any]:
    return site.http.get("/sites/london").json()["restart"]


def test_a_new_plugin_is_used_while_a_long_task_of_another_finishes_undisturbed(site: Whole, tmp_path: Path) -> None:
    release = tmp_path / "release"
    flow = site.define({"name": "patient.wait", "file": str(release)}, discovery=None, type="all")
    long = site.submit(flow, "/somewhere")
    assert wait_until(lambda: site.job(long)["tasks"]["Started"] == 1, 30)
    (task,) = site.items(f"/jobs/{long}/tasks")
    assert wait_until(lambda: site.http.get(f"/tasks/{task['id']}").json()["progress"], 30)
    assert "half way (/somewhere)" in site.cli("task", str(task["id"]))
    follower = following(site, long)
    assert follower.stdout is not None
    assert "waiting" in follower.stdout.readline(), "while the task goes on"
    worker, discovery = site.pid("london.worker"), site.pid("london.discovery")

    install(new("lines", tmp_path), tmp_path)
    assert "lines.count_lines" not in offered(site)
    assert "one after the other" in site.cli("site", "restart", "london", "--rolling", "--no-wait")
    # The walkers have nothing to do, and are back; the worker finishes what it runs, and takes nothing new.
    assert wait_until(lambda: site.pid("london.discovery") not in {None, discovery}, 60)
    assert wait_until(lambda: (restart_of(site)["node"] or "").startswith("london.worker@"), 60), restart_of(site)
    assert restart_of(site)["done"] == 1
    assert "1 of 2 workers have begun anew, waiting for london.worker@" in site.cli("site", "show", "london")
    assert site.pid("london.worker") == worker
    (task,) = site.items(f"/jobs/{long}/tasks")
    assert (task["state"], task["attempt"]) == ("Started", 1)

    release.touch()
    ended = site.end(long)
    assert (ended["state"], ended["paths"]["processed"]) == ("Success", 1)
    assert [line.split(": ", 1)[1] for line in follower.communicate(timeout=60)[0].splitlines()] == ["it has waited"]
    assert follower.returncode == 0
    (task,) = site.items(f"/jobs/{long}/tasks")
    assert (task["attempt"], task["tries"], task["crashes"]) == (1, 0, 0)
    assert wait_until(lambda: restart_of(site)["ended_at"], 60), restart_of(site)
    assert restart_of(site)["problem"] is None
    assert site.pid("london.worker") != worker
    assert [line["message"] for line in site.cli_json("logs", str(long))] == ["waiting", "it has waited"]

    assert "lines.count_lines" in offered(site)
    files = make_files(site.folder(), ["a.txt", "b.txt"])
    files[1].write_text("1\n2\n3\n")
    flow = site.define({"name": "lines.count_lines", "at_most": 2})
    ended = site.run(flow, files[0].parent)
    assert (ended["state"], ended["paths"]["processed"], ended["paths"]["failed"]) == ("Failure", 1, 1)
    assert "it has 3 lines, at most 2 are allowed" in site.cli("paths", str(ended["id"]))
    said = site.cli("logs", str(ended["id"]), "--follow", "--level", "info")
    (task,) = site.items(f"/jobs/{ended['id']}/tasks")
    assert f"INFO     task {task['id']} {files[0]}: 1 lines" in said
    refused = {"type": "file", "action": [{"name": "lines.count_lines", "at_most": "many"}]}
    answer = site.http.post("/workflows", json={"name": "x", "discovery": None, "filter_rules": [refused]})
    assert (answer.status_code, "at_most" in answer.text) == (422, True), "parameters are checked before a job starts"


def test_a_broken_plugin_is_shown_with_its_traceback_and_stops_nobody(site: Whole, tmp_path: Path) -> None:
    install(new("broken", tmp_path, actions=BROKEN), tmp_path)
    install(new("lines", tmp_path), tmp_path)
    said = site.cli("site", "restart", "london", "--rolling", "--timeout", "90")
    assert "site london is restarted: 2 workers have begun anew" in said
    assert {"lines.count_lines", "patient.wait", "noop"} <= offered(site)
    shown = site.cli("site", "show", "london")
    assert "plugin broken (broken.actions, of broken 0.1.0): ZeroDivisionError: division by zero" in shown
    assert "    return 1 / 0\n" in shown
    assert 'broken/actions.py", line 8, in <module>' in shown
    told = site.http.get("/sites/london").json()
    assert told["health"] == "warning"
    assert all(len(reason.splitlines()) == 1 for reason in told["problems"])
    assert "ZeroDivisionError" in site.cli("doctor")
    check = [sys.executable, "-m", "workers", "--config", str(site.home / "workers/london/site.toml"), "--check"]
    checked = subprocess.run(
        check, env={"PYTHONPATH": f"{tmp_path / 'plugins'}:{Path.cwd()}"}, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 1
    assert "ZeroDivisionError: division by zero" in checked.stdout
    assert "in helper\n" in checked.stdout
    assert "lines.count_lines" in checked.stdout
