"""An edit job that somebody has downloaded, the people around it, and the API that moves its data."""

import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, insert, text, update

from orchestrator.api.app import make_app
from orchestrator.api.piece import digest_field
from orchestrator.services.keys import make_key
from orchestrator.services.workspace import Workspaces
from orchestrator.stack.wait import wait_until
from orchestrator.storage import tables
from tests.asking import asking
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
        return asking("http://{}:{}/api/v1".format(*self.address), self.keys[name])

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
