"""The data of edit jobs over real sockets: whole, cut, wrong, too large, twice at once, by whom it is not for."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, insert, text, update
from typer.testing import CliRunner

from orchestrator.api.app import make_app
from orchestrator.api.piece import digest_field
from orchestrator.api.routes import edits as routes
from orchestrator.cli.main import make_app as make_cli
from orchestrator.client import ApiRefused, Client
from orchestrator.errors import Refused
from orchestrator.services.keys import make_key
from orchestrator.services.sweep import sweep
from orchestrator.services.workspace import Workspaces
from orchestrator.stack.ports import free_port
from orchestrator.stack.wait import wait_until
from orchestrator.storage import tables
from tests.faults.proxy import proxied
from tests.integration.api.conftest import SECRET

MIB = 1024 * 1024
CONTENT = os.urandom(2 * MIB - 11)
SHA256 = hashlib.sha256(CONTENT)
DIGEST = digest_field(SHA256.digest())


@pytest.fixture
def app(engine: Engine, tmp_path: Path) -> FastAPI:
    return make_app(engine, secret=SECRET, redis_url=None, workspaces=tmp_path / "workspaces", edits_mib=2)


@dataclass
class Desk:
    """An edit job that is Downloaded, and the people: ed has it; the others have not."""

    engine: Engine
    address: tuple[str, int]
    workspaces: Workspaces
    job: int
    keys: dict[str, str]

    def as_(self, name: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.keys[name]}"}
        url = "http://{}:{}/api/v1".format(*self.address)
        return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30)

    @property
    def edits(self) -> Path:
        return self.workspaces.folder(self.job) / "edits"

    def put(self, content: Any = CONTENT, who: str = "ed", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with self.as_(who) as client:
            return client.put(f"/jobs/{self.job}/edits", content=content, headers=named)

    def there(self) -> dict[str, Any]:
        with self.as_("ed") as client:
            return (
                client.get(f"/jobs/{self.job}/edits", params={"sha256": SHA256.hexdigest()}).raise_for_status().json()
            )

    def received(self) -> int:
        """Bytes of the content in the part file."""
        try:
            return (self.workspaces.folder(self.job) / "incoming" / SHA256.hexdigest()).stat().st_size
        except FileNotFoundError:
            return 0

    def be(self, **columns: object) -> None:
        with self.engine.begin() as tx:
            tx.execute(update(tables.jobs).where(tables.jobs.c.id == self.job).values(**columns))

    def events(self) -> list[tuple[str, str, str | None]]:
        with self.engine.begin() as tx:
            asked = text("select event, actor, comment from history where job_id = :job order by seq")
            return [tuple(row) for row in tx.execute(asked, {"job": self.job})]

    def begin(self, address: tuple[str, int], size: int) -> socket.socket:
        """Begin to send the content by hand, and send so much of it; the line is then open."""
        line = socket.create_connection(address)
        head = (
            f"PUT /api/v1/jobs/{self.job}/edits HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {self.keys['ed']}\r\n"
            f"Repr-Digest: {DIGEST}\r\nContent-Length: {len(CONTENT)}\r\n"
            f"Content-Range: bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}\r\n\r\n"
        )
        line.sendall(head.encode() + CONTENT[:size])
        assert wait_until(lambda: self.received() > size - 65_536, 20), self.received()
        return line


@pytest.fixture
def desk(engine: Engine, app: FastAPI, address: tuple[str, int]) -> Desk:
    with engine.begin() as tx:
        people = {"ed": "worker", "eva": "worker", "pia": "planner", "vic": "viewer"}
        for name, role in people.items():
            tx.execute(insert(tables.users).values(name=name, roles=[role]))
        keys = {name: make_key(tx, name).plain for name in people}
        job = add_edit_job(tx)
    spaces: Workspaces = app.state.parts.workspaces
    spaces.make(job)
    return Desk(engine, address, spaces, job, keys)


def add_edit_job(tx: Any, kind: str = "edit", **columns: object) -> int:
    """A job that ed has downloaded."""
    tx.execute(text("insert into job_types (name, version) values ('roads', 1) on conflict do nothing"))
    version = "insert into job_type_versions values ('roads', 1, '{\"name\": \"roads\"}', 'pia') on conflict do nothing"
    tx.execute(text(version))
    given = {
        "owner": "pia",
        "assignee": "ed",
        "claimed_by": "ed",
        "state": "Downloaded",
        "name": "ring road",
        **columns,
    }
    job: int = tx.execute(insert(tables.jobs).values(kind=kind, **given).returning(tables.jobs.c.id)).scalar_one()
    own = {"job_type": "roads", "job_type_version": 1, "mode": "manual", "quarantine": False}
    tx.execute(insert(tables.edit_jobs).values(job_id=job, **own))
    return job


def test_edits_come_whole_and_replace_what_was_sent_before(desk: Desk) -> None:
    assert desk.there() == {"received": 0, "sent": None}
    assert desk.put(b"first").status_code == 200
    pieces = (CONTENT[place : place + 70_000] for place in range(0, len(CONTENT), 70_000))
    told = desk.put(pieces, Repr_Digest=DIGEST)
    assert told.status_code == 200, told.text
    sent = told.json()["sent"]
    assert (sent["size"], sent["sha256"], sent["sent_by"]) == (len(CONTENT), SHA256.hexdigest(), "ed")
    assert desk.edits.read_bytes() == CONTENT
    first = f"5 bytes, SHA-256 {hashlib.sha256(b'first').hexdigest()}"
    second = f"{len(CONTENT)} bytes, SHA-256 {SHA256.hexdigest()}"
    assert desk.events() == [("EditsSent", "ed", first), ("EditsSent", "ed", second)]


def test_a_wrong_checksum_is_refused_and_nothing_stays(desk: Desk) -> None:
    refused = desk.put(CONTENT[:-1] + b"?", Repr_Digest=DIGEST)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["place"] == "header Repr-Digest"
    assert not desk.edits.exists()
    assert (desk.received(), desk.events()) == (0, [])
    for header in ({"Repr_Digest": "sha-256=:AAAA:"}, {"Content_Range": "bytes 0-9/*", "Repr_Digest": DIGEST}):
        assert desk.put(b"0123456789", **header).status_code == 422


def test_what_is_too_large_is_refused(desk: Desk) -> None:
    assert desk.put(b"x" * (2 * MIB + 1)).status_code == 413
    assert desk.put(b"x" * MIB for _ in range(3)).status_code == 413
    ranged = {"Content_Range": f"bytes 0-9/{2 * MIB + 1}", "Repr_Digest": DIGEST}
    assert desk.put(b"0123456789", **ranged).status_code == 413
    assert not desk.edits.exists()
    assert desk.put(b"x" * 2 * MIB).status_code == 200


def test_pieces_are_put_together(desk: Desk) -> None:
    total = len(CONTENT)
    for begin, end in ((0, 500_000), (500_000, 500_001), (500_001, total)):
        ranged = {"Content_Range": f"bytes {begin}-{end - 1}/{total}", "Repr_Digest": DIGEST}
        told = desk.put(CONTENT[begin:end], **ranged)
        assert told.status_code == (200 if end == total else 202)
        assert told.json()["received"] == end % total
    assert desk.edits.read_bytes() == CONTENT
    gap = desk.put(b"0123456789", Content_Range=f"bytes 10-19/{total}", Repr_Digest=DIGEST)
    assert gap.status_code == 409
    assert "of this file 0 bytes are there" in gap.json()["detail"]


def test_a_line_that_is_cut_leaves_what_came_and_it_goes_on(desk: Desk) -> None:
    line = desk.begin(desk.address, 1_000_000)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # with a reset
    line.close()
    ranged = {"Content_Range": f"bytes 999000-{len(CONTENT) - 1}/{len(CONTENT)}", "Repr_Digest": DIGEST}

    def goes_on() -> bool:
        """409 as long as the service has not heard that the line was cut."""
        answer = desk.put(CONTENT[999_000:], **ranged)
        assert answer.status_code in (200, 409), answer.text
        return answer.status_code == 200

    assert desk.there()["received"] >= 1_000_000 - 65_536
    if desk.there()["received"] < 999_000:
        ranged["Content_Range"] = f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"
        assert wait_until(lambda: desk.put(CONTENT, **ranged).status_code == 200, 20)
    else:
        assert wait_until(goes_on, 20)
    assert desk.edits.read_bytes() == CONTENT


def test_of_two_at_once_one_comes_in(desk: Desk) -> None:
    with desk.begin(desk.address, 300_000) as line:
        busy = desk.put(b"another")
        assert (busy.status_code, "just coming in" in busy.json()["detail"]) == (409, True)
        line.sendall(CONTENT[300_000:])
        assert line.recv(15) == b"HTTP/1.1 200 OK"
    assert desk.edits.read_bytes() == CONTENT
    assert desk.put(b"another").status_code == 200
    assert desk.edits.read_bytes() == b"another"


def test_who_is_silent_is_ended_and_may_go_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "SILENCE_S", 0.2)
    with desk.begin(desk.address, 300_000) as line:
        line.settimeout(20)
        assert line.recv(12) == b"HTTP/1.1 408"
    there = desk.there()["received"]
    assert there == 300_000
    ranged = {"Content_Range": f"bytes {there}-{len(CONTENT) - 1}/{len(CONTENT)}", "Repr_Digest": DIGEST}
    assert desk.put(CONTENT[there:], **ranged).status_code == 200


def test_only_who_has_it_sends_and_only_while_it_is_downloaded(desk: Desk) -> None:
    assert [desk.put(b"x", who=who).status_code for who in ("eva", "pia", "vic")] == [403, 403, 403]
    for state in ("Prepared", "Uploaded", "Quarantined"):
        desk.be(state=state)
        refused = desk.put(b"x")
        assert (refused.status_code, refused.json()["detail"]) == (
            409,
            f"job {desk.job} is {state}: no edits are taken now",
        )
        assert ("Download" in refused.json()["legal_events"]) == (state == "Prepared")
    desk.be(state="Allocated", claimed_by=None)
    assert desk.put(b"x").json()["legal_events"] == ["Activate"]
    desk.be(state="Downloaded", claimed_by="eva")
    assert desk.put(b"x").status_code == 403
    assert desk.put(b"x", who="eva").status_code == 200
    with desk.as_("ed") as ed:
        assert ed.put("/jobs/999/edits", content=b"x").status_code == 404


def test_a_job_of_another_kind_has_no_edits_and_a_review_takes_none(desk: Desk) -> None:
    with desk.engine.begin() as tx:
        review = add_edit_job(tx, "review", parent_id=desk.job)
        tx.execute(text("insert into workflows (name, version) values ('copy', 1) on conflict do nothing"))
        batch = tx.execute(
            text("""
            insert into jobs (kind, workflow, workflow_version, site, owner, state)
            values ('batch', 'copy', 1, 'london', 'ed', 'Pending') returning id
        """)
        ).scalar_one()
    with desk.as_("ed") as ed:
        assert ed.put(f"/jobs/{review}/edits", content=b"x").status_code == 409
        assert ed.put(f"/jobs/{batch}/edits", content=b"x").status_code == 404
        assert ed.get(f"/jobs/{batch}/package").status_code == 404


@pytest.mark.parametrize("then", ["revoked", "claimed anew"])
def test_what_is_no_longer_wanted_when_it_is_whole_is_not_kept(desk: Desk, then: str) -> None:
    with desk.begin(desk.address, 300_000) as line:
        if then == "revoked":
            desk.be(state="Proposed", claimed_by=None)
        else:
            desk.workspaces.make(desk.job)
        line.sendall(CONTENT[300_000:])
        assert line.recv(12) == b"HTTP/1.1 409"
    assert not desk.edits.exists()
    assert desk.events() == []


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
    with proxied(*desk.address) as proxy, Client(f"http://127.0.0.1:{proxy.port}", desk.keys["ed"]) as client:
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
    with Client("http://{}:{}".format(*desk.address), desk.keys["ed"]) as client:
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
    with Client("http://{}:{}".format(*desk.address), desk.keys["ed"]) as client:
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
        Client(f"http://127.0.0.1:{port}", desk.keys["ed"]) as client,
    ):
        assert client.edits(desk.job, SHA256.hexdigest())["received"] == there
        assert client.send_edits(desk.job, file)["sent"]["size"] == len(CONTENT)
    assert desk.edits.read_bytes() == CONTENT
    assert len(desk.events()) == 1
