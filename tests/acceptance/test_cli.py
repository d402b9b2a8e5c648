"""The command line against a service that it has started itself: every command, as text and as JSON."""

import base64
import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.stack.ports import free_port

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("cli")]

HOSTILE = b"evil\x1b[2J\n\xe9.txt"
WORKFLOW = """
name: check
label: Check and copy
discovery: recursive
fields:
  - {name: algorithm, type: choice, choices: [sha256, blake2b], default: sha256}
  - {name: to, type: site, required: true}
filter_rules:
  - type: all
    include: ["*.txt"]
    batch_size: 7
    action:
      - {name: fs.checksum, algorithm: "*algorithm"}
      - {name: noop, site: "*to"}
"""


@dataclass(frozen=True)
class Service:
    """A service in a home of its own, and its command line, called in the folder that its sites may touch."""

    home: Path
    data: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrator.cli.main", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="surrogateescape",
            cwd=self.data,
            env={**clean, "ORCHESTRATOR_HOME": str(self.home), "COLUMNS": "200"},
        )

    def run(self, *arguments: str, code: int = 0, given: str | None = None) -> str:
        output, errors = self._finish(self.start(*arguments), code, given)
        return output + errors

    def json(self, *arguments: str, code: int = 0, given: str | None = None) -> list[dict[str, Any]]:
        output, _ = self._finish(self.start(*arguments, "--json"), code, given)
        return [json.loads(line) for line in output.splitlines()]

    def _finish(self, process: subprocess.Popen[str], code: int, given: str | None) -> tuple[str, str]:
        try:
            output, errors = process.communicate(given, timeout=100)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
        assert process.returncode == code, output + errors
        return output, errors


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with tempfile.TemporaryDirectory(prefix="cli-test-") as folder:
        top = Path(folder)
        top.chmod(0o711)
        made = Service(top / "home", top / "data")
        for number in range(60):
            (made.data / f"box {number % 3}").mkdir(parents=True, exist_ok=True)
            (made.data / f"box {number % 3}" / f"{number}.txt").write_text(str(number))
        (made.data / os.fsdecode(HOSTILE)).write_text("bad name")
        (made.data / "out.txt").symlink_to("/etc/hostname")
        (made.data / "check.yaml").write_text(WORKFLOW)
        ready = made.json("up", "--port", str(free_port()), "--no-flower", "--root", str(made.data), "--detach")
        try:
            assert ready[0]["state"] == "ready"
            made.run("workflow", "apply", "check.yaml")
            yield made
        finally:
            made.run("down")


@pytest.fixture(scope="module")
def ended(service: Service) -> dict[str, Any]:
    """A job that has ended, one of its paths failed."""
    return service.json("submit", "check", ".", "--site", "london", "-f", "to=paris", "--watch", code=1)[-1]


def test_a_watched_job_tells_how_it_ended(service: Service, ended: dict[str, Any]) -> None:
    assert ended["state"] == "Failure"
    assert (ended["paths"]["total"], ended["paths"]["processed"], ended["paths"]["failed"]) == (62, 61, 1)
    shown = service.run("watch", str(ended["id"]), code=1)
    assert "where to look: orchestrator errors" in shown
    assert "out.txt" in shown
    assert "found 66 (that is all), 4 took no rule" in shown


def test_a_job_that_succeeds_is_exit_code_0(service: Service) -> None:
    shown = service.run("submit", "check", "box 1", "--site", "london", "--field", "to=paris", "--watch")
    assert "Success in" in shown


def test_the_lists_of_a_job(service: Service, ended: dict[str, Any]) -> None:
    name = str(ended["id"])
    assert f"job        {name}" in service.run("job", name)
    assert service.json("job", name)[0]["state"] == "Failure"
    assert ended["id"] in [job["id"] for job in service.json("jobs", "--state", "Failure", "--workflow", "check")]
    assert service.json("jobs", "--site", "rome") == []
    assert {task["step"] for task in service.json("tasks", name)} == {0, 1}
    assert [task["state"] for task in service.json("tasks", name, "--state", "Error")] == ["Error"]
    [group] = service.json("errors", name)
    assert (group["paths"], group["action"]) == (1, "fs.checksum")
    assert [entry["event"] for entry in service.json("history", name)] == ["Submitted", "TaskStarted", "SomeFailed"]
    for command in ("tasks", "errors", "paths", "history"):
        assert "\x1b" not in service.run(command, name)


def test_a_hostile_name_comes_through_and_can_not_act_on_the_terminal(service: Service, ended: dict[str, Any]) -> None:
    processed = service.json("paths", str(ended["id"]), "--outcome", "processed")
    raw = [os.fsdecode(base64.b64decode(item["path_b64"])) for item in processed if item["path_b64"]]
    assert raw == [os.path.join(service.data, os.fsdecode(HOSTILE))]
    shown = service.run("paths", str(ended["id"]), "--outcome", "processed")
    assert r"evil\x1b[2J\n\xe9.txt" in shown
    assert "\x1b" not in shown


def test_what_went_wrong_is_told_and_tried_again(service: Service, ended: dict[str, Any]) -> None:
    name = str(ended["id"])
    shown = service.run("errors", name)
    assert "what the 1 failed paths share:" in shown
    [group] = service.json("errors", name)
    assert f"orchestrator redrive {name} --fingerprint {group['fingerprint']}" in shown
    [shared] = service.json("errors", name, "--fingerprint", group["fingerprint"])
    assert (shared["failed"], shared["sampled"]) == ({"paths": 1, "looked_at": 1}, False)
    assert name in {str(job) for one in service.json("errors", "--workflow", "check") for job in one["job_ids"]}
    assert group["fingerprint"] in service.run("errors", "--site", "london")
    [task] = service.json("tasks", name, "--state", "Error")
    again = service.json("retry", str(task["id"]), "--reason", "mended", "--watch", code=1)[-1]
    assert (again["redrive_of"], again["paths"]["total"], again["state"]) == (ended["id"], 1, "Failure")
    assert "has taken that over already" in service.run("retry", str(task["id"]), code=1)


def test_a_ledger_is_exported(service: Service, ended: dict[str, Any]) -> None:
    name, file = str(ended["id"]), service.data.parent / "ledger.parquet"
    assert len(list(csv.DictReader(io.StringIO(service.run("export", name))))) == 62
    [failed] = service.json("export", name, "--outcome", "failed")
    assert (failed["path"], failed["action"]) == (str(service.data / "out.txt"), "fs.checksum")
    service.run("export", name, "--parquet", str(file))
    assert file.read_bytes()[:4] == b"PAR1"
    service.run("export", name, "--output", str(file.with_suffix(".jsonl")))
    assert len(file.with_suffix(".jsonl").read_text().splitlines()) == 62
    assert "no job 999999" in service.run("export", "999999", "--output", str(file.with_suffix(".csv")), code=1)
    assert {left.name for left in file.parent.glob("ledger.*")} == {"ledger.parquet", "ledger.jsonl"}


def test_what_happens_to_all_jobs_is_shown_as_it_happens(service: Service) -> None:
    listening = service.start("events", "--json", "--workflow", "check")
    assert listening.stdout is not None
    try:
        # Until the first is heard: it may not listen yet.
        heard = threading.Thread(target=listening.stdout.readline)
        heard.start()
        while heard.is_alive():
            service.json("submit", "check", "box 1", "--site", "london", "-f", "to=paris", "--watch")
        event = json.loads(listening.stdout.readline())
        assert (event["workflow"], event["site"]) == ("check", "london")
    finally:
        listening.send_signal(signal.SIGINT)
        listening.communicate(timeout=30)
    assert listening.returncode == 130


def test_paths_come_from_a_list_too(service: Service) -> None:
    listed = os.fsdecode(b"\0".join([b"box 0/0.txt", HOSTILE]) + b"\0")
    call = ("submit", "check", "--site", "london", "-f", "to=paris", "--paths-from", "-", "-0", "--watch")
    assert service.json(*call, given=listed)[-1]["paths"]["processed"] == 2


def test_an_idempotency_key_gives_the_same_job(service: Service) -> None:
    call = ("submit", "check", "box 2", "--site", "london", "-f", "to=paris", "--idempotency-key", "once")
    assert service.json(*call)[0]["id"] == service.json(*call)[0]["id"]
    service.run(*call[:2], "box 1", *call[3:], code=1)


def test_what_is_refused_is_said_with_its_place(service: Service) -> None:
    shown = service.run("submit", "check", ".", "--site", "rome", "-f", "nonsense=1", code=1)
    for place in ("$.site", "$.fields.nonsense", "$.fields.to"):
        assert place in shown
    assert "no workflow 'nothing'" in service.run("submit", "nothing", ".", "--site", "london", code=1)
    assert "no job 999999" in service.run("job", "999999", code=1)
    assert "--key" in service.run("jobs", "--key", "tq_wrong", code=1)


def test_a_wrong_choice_is_wrong_usage(service: Service) -> None:
    shown = service.run("submit", "check", ".", "--site", "london", "-f", "algorithm=md5", code=2)
    assert "is not one of sha256, blake2b" in shown


def test_workflows_are_shown_checked_changed_and_deleted(service: Service) -> None:
    shown = service.run("workflow", "show", "check")
    other = service.data.parent / "other.yaml"
    other.write_text(shown.replace("name: check\n", "name: other\n"))
    assert "can be used" in service.run("workflow", "validate", str(other))
    assert "at version 1" in service.run("workflow", "apply", str(other))
    other.write_text(other.read_text().replace("Check and copy", "Another label"))
    assert service.json("workflow", "apply", str(other))[0]["version"] == 2
    assert {"check", "other"} <= {item["name"] for item in service.json("workflows")}
    other.write_text(other.read_text().replace("fs.checksum", "fs.nonsense"))
    assert "$.filter_rules[0].action[0]" in service.run("workflow", "validate", str(other), code=1)
    service.run("workflow", "delete", "other")
    service.run("workflow", "show", "other", code=1)


def test_sites_and_their_keys(service: Service) -> None:
    assert {site["name"]: site["health"] for site in service.json("sites")} == {"london": "ok", "paris": "ok"}
    shown = service.run("site", "show", "london")
    assert "london.discovery@" in shown
    assert "fs.checksum" in shown
    key = service.run("site", "key", "london").strip()
    assert key == (service.home / "workers" / "london" / "site.key").read_text().strip()


def test_keys_are_made_used_and_revoked(service: Service) -> None:
    [made] = service.json("key", "create", "--user", "admin", "--label", "a test", "--role", "viewer")
    service.run("jobs", "--key", made["key"])
    service.run("key", "list", "--key", made["key"], code=1)
    listed = {key["id"]: key for key in service.json("key", "list")}
    assert listed[made["id"]]["label"] == "a test"
    service.run("key", "revoke", str(made["id"]))
    service.run("jobs", "--key", made["key"], code=1)


def test_the_doctor_finds_a_healthy_service_well(service: Service) -> None:
    found = service.json("doctor")
    assert {item["level"] for item in found} <= {"ok", "warning"}
    assert {"database", "broker", "api", "ready: hub", "site london", "site paris"} <= {i["subject"] for i in found}
    assert "nothing is wrong" in service.run("doctor")


def test_the_schema_can_be_migrated_again(service: Service) -> None:
    assert "newest version" in service.run("db", "migrate")


def test_a_site_can_be_checked_before_it_is_started(service: Service) -> None:
    file = service.home / "workers" / "london" / "site.toml"
    config = file if file.exists() else next(file.parent.glob("*.toml"))
    assert "london" in service.run("worker", "--config", str(config), "--check")


def test_ctrl_c_stops_the_watching_and_not_the_job(service: Service) -> None:
    slow = service.data.parent / "slow.yaml"
    slow.write_text(
        'name: slow\ndiscovery: recursive\nfilter_rules: [{type: file, include: ["1*.txt"], batch_size: 1, '
        "action: [{name: sleep, seconds: 4}]}]\n"
    )
    service.run("workflow", "apply", str(slow))
    [job] = service.json("submit", "slow", ".", "--site", "london")
    process = service.start("watch", str(job["id"]))
    assert process.stdout is not None
    assert process.stdout.readline().startswith(f"job {job['id']}")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"stopped watching; job {job['id']} goes on" in errors
    until(lambda: service.json("job", str(job["id"]))[0]["state"] == "Success")


def until(so: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline
