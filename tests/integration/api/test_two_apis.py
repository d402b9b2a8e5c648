"""Two processes that serve the API: what is revoked in one ends in the other, too."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from orchestrator.domain.batch_job import JobState
from orchestrator.stack.wait import wait_until
from tests.asking import asking
from tests.integration.api.rows import add_job

_PROMISED_S = 5.0


@pytest.fixture
def two(database_url: str, tmp_path: Path, admin_key: str) -> Iterator[list[httpx.Client]]:
    """Clients of two of them, for an admin."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}
    settings |= {
        "ORCHESTRATOR_DATABASE_URL": database_url,
        "ORCHESTRATOR_SECRET": "0123456789abcdef0123456789abcdef",
        "ORCHESTRATOR_HOME": str(tmp_path),
    }
    processes: list[subprocess.Popen[bytes]] = []
    clients: list[httpx.Client] = []
    try:
        for _ in range(2):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            command = [sys.executable, "-m", "orchestrator.api", "--port", str(port)]
            processes.append(subprocess.Popen(command, env=settings))
            clients.append(asking(f"http://127.0.0.1:{port}", admin_key))
        assert all(wait_until(lambda one=one: alive(one), 30) for one in clients)
        yield clients
    finally:
        for client in clients:
            client.close()
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


def alive(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").status_code == 200
    except httpx.TransportError:
        return False


def test_what_is_revoked_in_one_is_refused_by_both(two: list[httpx.Client], engine: Engine) -> None:
    with engine.begin() as tx:
        job = add_job(tx, state=JobState.PAUSED)
    here, there = two
    made = here.post("/api/v1/keys", json={"user": "admin"}).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    for one in two:
        assert one.get("/api/v1/jobs", headers=headers).status_code == 200
    with there.stream("GET", f"/api/v1/jobs/{job}/events", headers=headers, timeout=30) as live:
        lines = live.iter_lines()
        assert any(line.startswith("id:") for line in lines)
        assert here.delete(f"/api/v1/keys/{made['id']}").status_code == 204
        revoked_at = time.monotonic()
        assert here.get("/api/v1/jobs", headers=headers).status_code == 401, "at once where it was revoked"
        assert wait_until(lambda: there.get("/api/v1/jobs", headers=headers).status_code == 401, _PROMISED_S)
        assert time.monotonic() - revoked_at < _PROMISED_S
        # The live events end before anything more is told.
        with engine.begin() as tx:
            tx.exec_driver_sql(f"update progress set total = 12345 where job_id = {job}")
        told = list(lines)
        assert not [line for line in told if line.startswith("id:")], told
