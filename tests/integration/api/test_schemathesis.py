"""Requests made up from the OpenAPI document, by every role: none is a server error, none breaks what it says.

All that Schemathesis checks, in all its phases: the examples, every constraint at its edges, chance, and chains of
requests that use what others have made. `make test` tries a little of it; SCHEMATHESIS_S=600 takes so long for a role.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, insert, text

from orchestrator.api.app import make_app
from orchestrator.domain.batch_job import JobState
from orchestrator.domain.roles import Role
from orchestrator.domain.task import TaskState
from orchestrator.services.keys import make_key
from orchestrator.storage import tables
from tests.integration.api.edit_desk import add_edit_job
from tests.integration.api.rows import add_chain, add_job, add_outcome

SHORT_S = 50
MOST_S = int(os.environ.get("SCHEMATHESIS_S", SHORT_S))
ALL = "examples,coverage,fuzzing,stateful"
PHASES = {Role.ADMIN: "coverage,stateful", Role.VIEWER: "coverage"} if MOST_S == SHORT_S else dict.fromkeys(Role, ALL)
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def app(engine: Engine, redis_url: str, tmp_path: Path) -> FastAPI:
    """With all its parts, since one that is not ready is 503 by intent."""
    with engine.begin() as tx:
        tx.execute(insert(tables.hub_heartbeat).values(id=1, hub="h", at=text("now() + interval '1 day'")))
    secret = b"0123456789abcdef0123456789abcdef"
    attachments, workspaces = tmp_path / "attachments", tmp_path / "workspaces"
    return make_app(engine, secret=secret, redis_url=redis_url, attachments_folder=attachments, workspaces=workspaces)


@pytest.fixture
def keys(app: FastAPI, engine: Engine) -> Mapping[str, str]:
    """A key of each role, of users whose names nobody guesses; and rows, since small ids are guessed."""
    with engine.begin() as tx:
        for _ in range(3):
            # Ended, so that its events end too.
            job = add_job(tx, state=JobState.FAILURE, counts={"total": 2, "failed": 1}, ended_at=text("now()"))
            ended = {"state": TaskState.ERROR, "given": 2, "failed": 1, "processed": 1}
            task = add_chain(tx, job, [b"/a", b"/\xff"], [ended]) << 6
            add_outcome(tx, job, task, 1, "failed", b"/\xff", "bad")
        tx.execute(text("alter sequence api_keys_id_seq restart with 1000000000"))
        tx.execute(text(_LASTING))
        for role in Role:
            tx.execute(insert(tables.users).values(name=f"role.{role}", roles=[role]))
        editing = add_edit_job(tx, claimed_by="role.admin")
        made = {str(role): make_key(tx, f"role.{role}").plain for role in Role}
    workspace = app.state.parts.workspaces.make(editing)
    (workspace / "package" / "roads.geojson").write_text("{}")
    return made


# Whoever asks finds keys and users by listing them, and would soon have taken away its own.
_LASTING = """
    create function lasting() returns trigger language plpgsql as 'begin return null; end';
    create trigger lasting before update of revoked_at, expires_at or delete on api_keys for each row
      when (old.user_name like 'role.%') execute function lasting();
    create trigger lasting before update or delete on users for each row
      when (old.name like 'role.%') execute function lasting();
"""


@pytest.mark.timeout(MOST_S + 240)
@pytest.mark.parametrize("role", PHASES)
def test_no_server_error_and_no_broken_promise(
    role: Role, address: tuple[str, int], keys: Mapping[str, str], tmp_path: Path
) -> None:
    host, port = address
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"http://{host}:{port}/openapi.json",
        "--header", f"Authorization: Bearer {keys[role]}", "--checks", "all", "--phases", PHASES[role],
        "--max-time", str(MOST_S), "--no-shrink", "--continue-on-failure", "--seed", "1",
        "--exclude-path", "/api/v1/events",  # it does not end by itself; tests of its own are in test_all_events.py
    ]  # fmt: skip
    environment = os.environ | {
        "NO_PROXY": "*",
        "no_proxy": "*",
        "PYTHONPATH": str(CONFIG.parents[3]),
        "COLUMNS": "160",
    }
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=MOST_S + 200, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
