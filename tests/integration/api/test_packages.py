"""Packages over real sockets; and the client and the commands, wherever the line is cut and the API killed."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.cli.main import make_app as make_cli
from orchestrator.client import ApiRefused, DocumentClient
from orchestrator.errors import Refused
from orchestrator.services.sweep import sweep
from orchestrator.stack.ports import free_port
from orchestrator.stack.wait import wait_until
from tests.faults.proxy import proxied
from tests.integration.api.edit_desk import CONTENT, DIGEST, MIB, SHA256, Desk, add_edit_job, app, desk

__all__ = ["app", "desk"]


def test_a_package_is_fetched_whole_or_from_where_it_was_cut(desk: Desk) -> None:
    (desk.workspaces.folder(desk.job) / "package" / "süd.gpkg").write_bytes(CONTENT)
    path, tag = f"/jobs/{desk.job}/package", f'"{SHA256.hexdigest()}"'
    with desk.as_("ed") as ed:
        whole = ed.get(path)
        assert (whole.status_code, whole.content) == (200, CONTENT)
        assert (whole.headers["etag"], whole.headers["repr-digest"]) == (tag, DIGEST)
        assert whole.headers["content-disposition"] == "attachment; filename*=utf-8''s%C3%BCd.gpkg"

        def ranged(said: str, **more: str) -> tuple[int, bytes, str | None]:
            answer = ed.get(path, headers={"Range": said, **{name.replace("_", "-"): more[name] for name in more}})
            return answer.status_code, answer.content, answer.headers.get("content-range")

        size = len(CONTENT)
        rest = (206, CONTENT[500_000:], f"bytes 500000-{size - 1}/{size}")
        assert ranged("bytes=500000-", If_Range=tag) == rest
        assert ranged("bytes=10-19") == (206, CONTENT[10:20], f"bytes 10-19/{size}")
        assert ranged("bytes=-5") == (206, CONTENT[-5:], f"bytes {size - 5}-{size - 1}/{size}")
        for whole_again in (ranged("bytes=5-", If_Range='"another"'), ranged("bytes=0-1,3-4"), ranged("lines=1-2")):
            assert whole_again == (200, CONTENT, None)
        status, _, told = ranged(f"bytes={size}-")
        assert (status, told) == (416, f"bytes */{size}")


def test_who_may_fetch_a_package_and_when(desk: Desk) -> None:
    (desk.workspaces.folder(desk.job) / "package" / "a").write_text("a")
    path = f"/jobs/{desk.job}/package"

    def asked(who: str) -> int:
        with desk.as_(who) as client:
            return client.get(path).status_code

    assert [asked(who) for who in ("ed", "pia", "eva", "vic")] == [200, 200, 403, 403]
    for state in ("Prepared", "Uploaded", "Conflicted", "Failed"):
        desk.be(state=state)
        assert asked("ed") == 200
    for state in ("Activated", "Completed"):
        desk.be(state=state)
        assert asked("ed") == 409


def test_the_client_goes_on_wherever_the_line_is_cut(desk: Desk, tmp_path: Path) -> None:
    (desk.workspaces.folder(desk.job) / "package" / "roads.gpkg").write_bytes(CONTENT)
    with proxied(*desk.address) as proxy, DocumentClient(f"http://127.0.0.1:{proxy.port}", desk.keys["ed"]) as client:
        proxy.trouble.reset_after = 1_000_000
        fetched = client.fetch_package(desk.job, tmp_path)
        assert (fetched, fetched.read_bytes()) == (tmp_path / "roads.gpkg", CONTENT)
        assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["roads.gpkg"]
        proxy.trouble.reset_after = 1_000_000
        assert client.send_edits(desk.job, fetched)["sent"]["sha256"] == SHA256.hexdigest()
        assert proxy.trouble.times == 2
        assert desk.edits.read_bytes() == CONTENT
        (tmp_path / "other").write_bytes(b"other")
        proxy.trouble.lose_answer_to = b"PUT /api/v1/jobs/"
        assert client.send_edits(desk.job, tmp_path / "other")["sent"]["size"] == 5
        assert proxy.trouble.times == 3
        assert [comment and comment.split()[0] for _, _, comment in desk.events()] == [str(len(CONTENT)), "5"]


def test_the_client_says_what_is_refused(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (2 * MIB + 1))
    (tmp_path / "empty").touch()
    with DocumentClient("http://{}:{}".format(*desk.address), desk.keys["ed"]) as client:
        with pytest.raises(ApiRefused, match="larger than") as refused:
            client.send_edits(desk.job, tmp_path / "large", patience_s=5)
        assert refused.value.status == 413
        assert client.send_edits(desk.job, tmp_path / "empty")["sent"]["size"] == 0
        with pytest.raises(ApiRefused, match=r"the package of job \d+ is empty"):
            client.fetch_package(desk.job, tmp_path)
        desk.be(state="Uploaded")
        with pytest.raises(ApiRefused) as refused:
            client.send_edits(desk.job, tmp_path / "empty")
        assert refused.value.legal_events == []


def test_a_package_that_comes_spoiled_is_not_kept(desk: Desk, tmp_path: Path) -> None:
    (desk.workspaces.folder(desk.job) / "package" / "roads.gpkg").write_bytes(CONTENT)
    (tmp_path / f".roads.gpkg.{SHA256.hexdigest()[:16]}.part").write_bytes(b"of something else")
    with DocumentClient("http://{}:{}".format(*desk.address), desk.keys["ed"]) as client:
        with pytest.raises(Refused, match="did not come as it was sent"):
            client.fetch_package(desk.job, tmp_path)
        assert client.fetch_package(desk.job, tmp_path).read_bytes() == CONTENT


def test_the_commands_move_the_data_and_the_job(desk: Desk, tmp_path: Path) -> None:
    (desk.workspaces.folder(desk.job) / "package" / "roads.gpkg").write_bytes(CONTENT)
    desk.be(state="Prepared")
    environment = {"ORCHESTRATOR_URL": "http://{}:{}".format(*desk.address), "ORCHESTRATOR_KEY": desk.keys["ed"]}

    def command(*words: str, code: int = 0) -> Any:
        done = CliRunner().invoke(make_cli(words), [*words, "--json"], env=environment)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if code == 0 else done.output

    job, file = str(desk.job), str(tmp_path / "roads.gpkg")
    assert command("package", job, "--to", str(tmp_path), "--only")["job"]["state"] == "Prepared"
    told = command("package", job, "--to", str(tmp_path))
    assert (told["file"], told["job"]["state"]) == (file, "Downloaded")
    assert command("edits", job, file, "--only")["job"]["state"] == "Downloaded"
    assert "--time-spent" in command("edits", job, file, "--time-spent", "long", code=2)
    told = command("edits", job, file, "--comment", "the new bridge", "--time-spent", "90m")
    assert (told["job"]["state"], told["job"]["time_spent_s"], told["edits"]["sent"]["size"]) == (
        "Uploaded", 5400, len(CONTENT),
    )  # fmt: skip
    assert "no such file" in command("edits", job, str(tmp_path / "none"), code=2)
    command("edits", job, file, code=1)


def test_workspaces_that_nobody_needs_are_swept(desk: Desk) -> None:
    with desk.engine.begin() as tx:
        over = [add_edit_job(tx, state=state, claimed_by=None) for state in ("Allocated", "Completed", "Archived")]
    for job in (*over, 999_999):
        desk.workspaces.make(job)
    assert sweep(desk.engine, desk.workspaces) == 4
    assert desk.workspaces.jobs() == [desk.job]


@contextmanager
def api_process(database_url: str, home: Path, port: int) -> Generator[subprocess.Popen[bytes]]:
    """The API as it is run."""
    told = {"ORCHESTRATOR_DATABASE_URL": database_url, "ORCHESTRATOR_HOME": str(home), "ORCHESTRATOR_SECRET": "s" * 32}
    command = [sys.executable, "-m", "orchestrator.api", "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, **told}, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: answers(port) or process.poll() is not None, 30)
        assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def test_the_api_is_killed_while_edits_come_in(desk: Desk, database_url: str, tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "roads.gpkg"
    file.write_bytes(CONTENT)
    with api_process(database_url, tmp_path, port) as api, desk.begin(("127.0.0.1", port), 1_000_000):
        os.kill(api.pid, signal.SIGKILL)
        api.wait()
    there = desk.received()
    assert there > 900_000
    with (
        api_process(database_url, tmp_path, port),
        DocumentClient(f"http://127.0.0.1:{port}", desk.keys["ed"]) as client,
    ):
        assert client.edits(desk.job, SHA256.hexdigest())["received"] == there
        assert client.send_edits(desk.job, file)["sent"]["size"] == len(CONTENT)
    assert desk.edits.read_bytes() == CONTENT
    assert len(desk.events()) == 1
