"""The commands worklist, do and webhook, as they are typed."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from orchestrator.cli.main import make_app
from tests.integration.api.test_worklist import waiting

Type = Callable[..., Result]


@pytest.fixture
def typed(api: httpx.Client, tmp_path: Path) -> Type:
    key = api.headers["Authorization"].removeprefix("Bearer ")
    env = {"ORCHESTRATOR_HOME": str(tmp_path), "ORCHESTRATOR_URL": str(api.base_url), "ORCHESTRATOR_KEY": key}
    runner = CliRunner(env=env | {"COLUMNS": "200"})
    return lambda *words: runner.invoke(make_app(), words)


def test_what_waits_is_listed_and_done(typed: Type, engine: Engine) -> None:
    job, [one, other, _] = waiting(engine, tasks=3)
    listed = typed("worklist", "--all", "--json", "--limit", "2")
    assert [json.loads(line)["task_id"] for line in listed.stdout.splitlines()] == [one, other]
    assert "claim, accept, reject" in typed("worklist", "--all").stdout
    done = typed("do", str(job), "claim", "--task", str(one), "--comment", "mine")
    assert (done.exit_code, done.stdout) == (0, f"task {one} of job {job} is Started\n")
    done = typed("do", str(job), "reject", "--task", str(one), "--path", "0", "--comment", "blurred")
    assert done.stdout == f"task {one} of job {job} is Started\n"
    done = typed("do", str(job), "accept", "--include", "1.tif")
    assert done.stdout == "3 paths of 3 tasks\n"
    done = typed("do", str(job), "accept", "--json")
    assert json.loads(done.stdout) == {"tasks": 2, "paths": 2, "next": None}
    refused = typed("do", str(job), "accept")
    assert refused.exit_code == 1
    assert "possible now: nothing, this state is final" in refused.stderr
    assert typed("worklist", "--all").stderr == "nothing waits\n"


def test_webhooks_are_added_listed_and_deleted(typed: Type) -> None:
    refused = typed("webhook", "add", "http://example.org/x")
    assert (refused.exit_code, "has to begin with https://" in refused.stderr) == (1, True)
    added = typed("webhook", "add", "https://example.org/x", "--event", "AllSucceeded")
    assert (added.exit_code, added.stdout[:6]) == (0, "whsec_")
    [line] = typed("webhook", "list", "--json").stdout.splitlines()
    id = str(json.loads(line)["id"])
    assert "https://example.org/x" in typed("webhook", "list").stdout
    assert typed("webhook", "dead", id).stderr == "nothing was given up\n"
    assert typed("webhook", "send", id).stdout == "0 deliveries are sent once more\n"
    assert typed("webhook", "delete", id).stdout == f"webhook {id} is gone\n"
    assert typed("webhook", "delete", id).exit_code == 1


def test_a_task_group_is_defined_and_defined_again(typed: Type, tmp_path: Path) -> None:
    file = tmp_path / "sheet.yaml"
    for tasks in (["draw"], ["draw", "check"]):
        file.write_text(json.dumps({"name": "sheet", "tasks": [{"name": task} for task in tasks]}))
        defined = typed("group", "define", str(file))
        assert (defined.exit_code, defined.stdout) == (0, f"task group sheet: {', '.join(tasks)}\n")
    assert len(typed("group", "list", "--json").stdout.splitlines()) == 1
    file.write_text("tasks: []")
    refused = typed("group", "define", str(file))
    assert (refused.exit_code, "it has no name" in refused.stderr) == (2, True)


def test_a_name_is_taken_whole(typed: Type) -> None:
    made = typed("user", "create", "ann", "--role", "worker")
    assert (made.exit_code, made.stdout) == (0, "user ann: worker\n")
    for wrong in ("ann?really", "ann#1"):
        assert typed("user", "change", wrong, "--role", "planner").exit_code == 1
        assert typed("user", "delete", wrong).exit_code == 1
    assert '"ann", "roles": ["worker"]' in typed("user", "list", "--json").stdout
    assert typed("user", "delete", "ann").stdout == "user ann is deleted\n"


def test_edit_jobs_and_their_types(typed: Type, tmp_path: Path) -> None:
    file, place = tmp_path / "roads.yaml", tmp_path / "place.json"
    place.write_text('{"type": "Point", "coordinates": [4.9, 52.4]}')
    for version, mode in enumerate(("manual", "read_only"), 1):
        file.write_text(f"name: roads\nmode: {mode}\n")
        applied = typed("job-type", "apply", str(file))
        assert (applied.exit_code, applied.stdout) == (0, f"job type roads, version {version}\n"), applied.stderr
    assert len(typed("job-type", "versions", "roads", "--json").stdout.splitlines()) == 2
    assert "read_only" in typed("job-type", "list").stdout
    assert json.loads(typed("job-type", "show", "roads").stdout)["mode"] == "read_only"
    new = typed("edit", "new", "roads", "ring road", "--extent", str(place), "--due", "2h", "--attributes", '{"a": 1}')
    assert (new.exit_code, new.stdout) == (0, "job 1, ring road, is Proposed\n"), new.stderr
    assert typed("do", "1", "allocate", "--assignee", "admin").stdout == "job 1 is Allocated\n"
    shown = typed("job", "1").stdout
    assert all(word in shown for word in ("ring road", "Allocated", "roads (version 2)", "to be done", "Activate"))
    assert typed("edit", "delete", "1").exit_code == 1
    assert typed("do", "1", "abandon", "--reason", "a mistake").stdout == "job 1 is Abandoned\n"
    refused = typed("edit", "archive", "1", "7")
    assert (refused.exit_code, refused.stdout) == (1, "1 jobs are archived\njob 7: there is no job 7\n")
    assert typed("edit", "archive", "--ended-before", "2h", "--type", "roads").stdout == "0 jobs are archived\n"
    assert (typed("edit", "archive").exit_code, typed("jobs").stderr) == (2, "no such jobs\n")
    other = typed("edit", "new", "roads", "bypass", "--json").stdout
    assert typed("edit", "delete", str(json.loads(other)["id"])).exit_code == 0
    assert typed("job-type", "delete", "roads").stdout == "job type roads is deleted\n"
