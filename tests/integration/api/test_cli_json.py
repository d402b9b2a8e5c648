"""Every command with ``--json``: nothing but JSON on standard output, one document or one a line."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.types import Receive, Scope, Send
from typer.main import get_command
from typer.testing import CliRunner

from orchestrator.cli.main import make_app
from orchestrator.client import DocumentClient
from orchestrator.domain.batch_job import JobState
from tests.integration.api.conftest import SECRET, served
from tests.integration.api.reached import check_reached
from tests.integration.api.rows import add_chain, add_job, add_outcome
from tests.integration.api.test_sites import add_site

ELSEWHERE = {"up", "down", "demo", "chaos", "events", "package", "edits"}
"""They start processes, do not end by themselves, or need data that is made elsewhere: other tests call them."""
GROUP = {"name": "sheet", "tasks": [{"name": "draw"}, {"name": "check"}, {"name": "print"}]}
WORKFLOW = {"name": "look", "discovery": "recursive", "filter_rules": [{"action": [{"name": "noop"}]}]}


@dataclass
class Shell:
    """Somebody at a command line, in a home and a folder of their own."""

    folder: Path
    variables: dict[str, str]
    called: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Of the API: method and address."""

    def json(self, command: str, *arguments: object, given: str = "", code: int = 0) -> list[Any]:
        """What a command says."""
        self.called.add(command)
        clean = {name: None for name in os.environ if name.startswith("ORCHESTRATOR_")}
        runner = CliRunner(env={**clean, **self.variables})
        words = [*command.split(), *map(str, arguments), "--json"]
        done = runner.invoke(make_app(words), words, input=given)
        assert done.exit_code == code, (command, done.output)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def post(self, path: str, document: object) -> dict[str, Any]:
        """Something that no command does alone."""
        with DocumentClient(self.variables["ORCHESTRATOR_URL"], self.variables["ORCHESTRATOR_KEY"]) as client:
            return client.request("POST", path, document)

    def one(self, command: str, *arguments: object, given: str = "", code: int = 0) -> dict[str, Any]:
        """The one document that it says."""
        [document] = self.json(command, *arguments, given=given, code=code)
        return document


@pytest.fixture
def shell(engine: Engine, redis_url: str, admin_key: str, broker_app: FastAPI, tmp_path: Path) -> Iterator[Shell]:
    with engine.begin() as tx:
        add_site(tx, "london", functions=("worker", "discovery"))
    asked: list[tuple[str, str]] = []

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asked.append((scope["method"], scope["path"]))
        await broker_app(scope, receive, send)

    with served(cast(FastAPI, noted)) as (host, port):
        yield Shell(
            tmp_path,
            {
                "ORCHESTRATOR_HOME": str(tmp_path / "home"),
                "ORCHESTRATOR_URL": f"http://{host}:{port}",
                "ORCHESTRATOR_KEY": admin_key,
                "ORCHESTRATOR_DATABASE_URL": engine.url.set(drivername="postgresql").render_as_string(
                    hide_password=False
                ),
                "ORCHESTRATOR_REDIS_URL": redis_url,
                "ORCHESTRATOR_SECRET": SECRET.decode(),
            },
            asked=asked,
        )


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(path)
    else:
        for name, one in below.items():
            yield from leaves(one, (*path, name))


def test_every_command_answers_in_json(shell: Shell, engine: Engine):
    with engine.begin() as tx:
        ended = add_job(tx, state=JobState.FAILURE, ended_at=datetime.now(UTC), started_at=datetime.now(UTC))
        chain = add_chain(tx, ended, [b"/a", b"/b"], [{"state": "Error", "given": 2, "processed": 1, "failed": 1}])
        add_outcome(tx, ended, chain << 6, 1, "failed", b"/b", "no")
    _workflows(shell)
    _jobs(shell, ended, chain << 6)
    _ledger(shell, engine)
    _schedules(shell)
    _sites(shell)
    _people(shell)
    _edits(shell)
    _access(shell)
    _installation(shell)
    assert shell.called | ELSEWHERE == set(leaves(get_command(make_app())))
    check_reached(shell.asked)


def _workflows(shell: Shell) -> None:
    file = shell.folder / "look.json"
    file.write_text(json.dumps(WORKFLOW))
    assert shell.one("workflow validate", file)["valid"] is True
    assert shell.one("workflow apply", file)["version"] == 1
    assert shell.one("workflow import", file)["name"] == "look"
    assert shell.one("workflow show", "look")["name"] == "look"
    assert [one["name"] for one in shell.json("workflows")] == ["look"]
    file.write_text(json.dumps({**WORKFLOW, "label": "Look"}))
    shell.one("workflow apply", file)
    assert [one["version"] for one in shell.json("workflow versions", "look")] == [2, 1]
    assert shell.json("workflow diff", "look")
    assert shell.one("workflow show", "look", "--version", 1)["version"] == 1
    assert shell.one("workflow schema")
    assert shell.json("workflow export", "look")
    file.write_text(json.dumps({**WORKFLOW, "name": "other"}))
    shell.one("workflow apply", file)
    shell.one("workflow delete", "other")


def _jobs(shell: Shell, ended: int, task: int) -> None:
    job = shell.one("submit", "look", shell.folder, "--site", "london", "--max-running", 3)
    assert job["max_running"] == 3
    assert shell.one("job", job["id"])["id"] == job["id"]
    assert {one["id"] for one in shell.json("jobs")} == {job["id"], ended}
    assert shell.one("pause", job["id"])["state"] in ("Pausing", "Paused")
    assert shell.json("why", job["id"])[0]["cause"]
    assert shell.one("resume", job["id"])["state"] == "Pending"
    assert shell.json("history", job["id"])[0]["event"]
    assert shell.one("cancel", job["id"])["state"] in ("Dequeuing", "Cancelled")
    assert shell.json("watch", ended, code=1)[-1]["state"] == "Failure"
    assert shell.json("errors", ended) == shell.json("errors") == []
    shell.json("errors", ended, "--fingerprint", "0123456789abcdef")
    assert shell.json("logs", ended) == shell.json("logs", "--task", task) == []
    shell.json("why", ended, "--task", task)
    assert [one["path"] for one in shell.json("paths", ended)] == ["/b"]
    assert [one["id"] for one in shell.json("tasks", ended)] == [task]
    assert shell.one("task", task)["id"] == task
    assert shell.json("logs", task) == []
    assert shell.one("redrive", ended)["redrive_of"] == ended
    shell.json("task", task, "--paths")
    assert shell.json("task", task, "--history") == []
    assert (
        shell.one("change", shell.one("submit", "look", "/a", "--site", "london")["id"], "--name", "x")["name"] == "x"
    )
    assert shell.one("pause", "--where", "workflow=look", "--dry-run")["dry_run"] is True
    many = json.dumps({"workflow": "look", "site": "london", "paths": ["/a"]}) + "\n\n{}\n"
    made, refused = shell.json("submit", "--file", "-", given=many, code=1)
    assert (made["status"], refused["status"], refused["line"]) == (201, 422, 3)
    with_stream = {"workflow": "look", "site": "london", "discovery": "stream"}
    stream = shell.post("/jobs", with_stream)["id"]
    assert shell.one("stream", stream, given="/a\n/b\n")["lines"] == 2
    open_one = shell.one("submit", "look", shell.folder, "--site", "london")
    hold = shell.one("hold add", "--job", open_one["id"], "--reason", "why not")
    assert [one["id"] for one in shell.json("hold list")] == [hold["id"]]
    assert shell.one("hold release", hold["id"])["released_at"]
    file = shell.folder / "look.txt"
    file.write_text("look")
    kept = shell.one("attachment add", ended, file)["id"]
    assert [one["name"] for one in shell.json("attachment list", ended)] == ["look.txt"]
    fetched = shell.one("attachment fetch", ended, kept, "--to", shell.folder / "again.txt")["file"]
    assert Path(fetched).read_text() == "look"
    shell.one("attachment delete", ended, kept)


def _ledger(shell: Shell, engine: Engine) -> None:
    with engine.begin() as tx:
        ended = add_job(tx, state=JobState.FAILURE, ended_at=datetime.now(UTC), started_at=datetime.now(UTC))
        chain = add_chain(tx, ended, [b"/a", b"/b"], [{"state": "Error", "given": 2, "processed": 1, "failed": 1}])
        add_outcome(tx, ended, chain << 6, 1, "failed", b"/b", "no")
    assert [one["path"] for one in shell.json("export", ended, "--outcome", "failed")] == ["/b"]
    assert shell.one("retry", chain << 6)["id"]
    dry = {"workflow": "look", "site": "london", "paths": [str(shell.folder)], "dry_run": True}
    assert shell.json("forecast", shell.post("/jobs", dry)["id"])


def _schedules(shell: Shell) -> None:
    times = ("--site", "london", "--cron", "30 2 * * *")
    assert shell.one("schedule add", "nightly", "look", shell.folder, *times)["name"] == "nightly"
    assert [one["name"] for one in shell.json("schedule list")] == ["nightly"]
    assert shell.one("schedule show", "nightly")["next_times"]
    assert shell.one("schedule pause", "nightly")["enabled"] is False
    assert shell.one("schedule resume", "nightly")["enabled"] is True
    assert shell.one("schedule run", "nightly")["outcome"]
    assert len(shell.json("schedule firings", "nightly")) == 1
    file = shell.folder / "weekly.json"
    said = {"name": "weekly", "workflow": "look", "site": "london", "paths": ["/data"], "every": "7d"}
    file.write_text(json.dumps(said))
    assert shell.one("schedule apply", file)["id"] == shell.one("schedule apply", file)["id"]
    shell.one("schedule delete", "weekly")


def _sites(shell: Shell) -> None:
    assert [one["name"] for one in shell.json("sites")] == ["london"]
    assert shell.one("site show", "london")["name"] == "london"
    assert shell.one("site disable", "london")["enabled"] is False
    assert shell.one("site enable", "london")["enabled"] is True
    assert shell.one("site drain", "london")["draining"] is True
    shell.one("site enable", "london")
    assert shell.one("site restart", "london", "--rolling", "--no-wait")["restart"]
    assert shell.one("site new", "oslo", "--out", shell.folder / "oslo")["site"] == "oslo"
    assert shell.one("site key", "oslo")["key"]


def _people(shell: Shell) -> None:
    file = shell.folder / "sheet.yaml"
    file.write_text(json.dumps(GROUP))
    assert shell.one("group define", file)["name"] == "sheet"
    assert [one["name"] for one in shell.json("group list")] == ["sheet"]
    assert shell.one("group show", "sheet")["name"] == "sheet"
    group = shell.one("group start", "sheet", "--by-hand")["id"]
    shell.json("group task-list", group)
    assert shell.json("group tasks", group)
    assert shell.one("group next-task", group)["current_task"]
    child = shell.one("group task-job", group)["id"]
    assert shell.json("worklist", "--all")
    assert shell.one("group task-status", child, "WORKING")["state"] == "Working"
    assert shell.one("do", child, "complete")["state"] == "Complete"
    shell.json("group insert", group, "sheet")
    shell.json("group cancel-remaining", group)
    shell.json("group report")
    shell.one("group delete", "sheet")


def _edits(shell: Shell) -> None:
    file = shell.folder / "roads.json"
    file.write_text(json.dumps({"name": "roads", "mode": "manual"}))
    assert shell.one("job-type apply", file)["version"] == 1
    assert [one["name"] for one in shell.json("job-type list")] == ["roads"]
    assert shell.one("job-type show", "roads")["mode"] == "manual"
    assert [one["version"] for one in shell.json("job-type versions", "roads")] == [1]
    job = shell.one("edit new", "roads", "ring road")
    assert job["state"] == "Proposed"
    assert shell.one("edit archive", "--ended-before", "2001-01-01T00:00")["archived"] == []
    shell.one("edit delete", job["id"])
    shell.one("job-type delete", "roads")


def _access(shell: Shell) -> None:
    assert shell.one("user create", "ann", "--role", "viewer")["name"] == "ann"
    assert shell.one("user change", "ann", "--role", "worker")["roles"] == ["worker"]
    assert {one["name"] for one in shell.json("user list")} >= {"ann"}
    shell.json("user groups")
    assert shell.one("user add-to", "qa", "ann")["members"] == ["ann"]
    shell.one("user delete-group", "qa")
    key = shell.one("key create", "--user", "ann")["id"]
    new = shell.one("key rotate", key)["id"]
    assert {key, new} <= {one["id"] for one in shell.json("key list")}
    shell.one("key revoke", new)
    shell.one("user delete", "ann")
    assert shell.json("audit")
    hook = shell.one("webhook add", "https://example.com/hook")["id"]
    assert [one["id"] for one in shell.json("webhook list")] == [hook]
    assert shell.json("webhook dead", hook) == []
    assert shell.one("webhook send", hook)["deliveries"] == 0
    shell.one("webhook delete", hook)


def _installation(shell: Shell) -> None:
    assert shell.one("db migrate")["schema"] == "newest"
    shell.one("db prune", "--dry-run", "--success-days", 1)
    assert shell.json("doctor", code=1)
    assert shell.one("plugin new", "tiles", "--in", shell.folder)["package"] == "tiles"
    assert shell.one("worker", "--example")["example"]
    assert shell.one("completion", "bash")["shell"] == "bash"
