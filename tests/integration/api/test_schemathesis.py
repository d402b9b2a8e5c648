"""Requests made up from the OpenAPI document: none may be a server error or break what the document says."""

from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from fastapi import FastAPI
from httpx import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import Engine, insert, text

from orchestrator.api.app import make_app
from orchestrator.domain.batch_job import JobState
from orchestrator.domain.task import TaskState
from orchestrator.storage import tables
from tests.integration.api.edit_desk import add_edit_job
from tests.integration.api.rows import add_chain, add_job, add_outcome

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 5


@schemathesis.serializer("application/x-ndjson")
def ndjson(_ctx: Any, value: Any) -> bytes:
    """A body of lines, as it is."""
    return str(value).encode(errors="surrogatepass")


@pytest.fixture
def app(engine: Engine, redis_url: str, tmp_path: Path) -> FastAPI:
    """With all its parts, since one that is not ready is 503 by intent."""
    with engine.begin() as tx:
        tx.execute(insert(tables.hub_heartbeat).values(id=1, hub="h", at=text("now() + interval '1 hour'")))
    secret = b"0123456789abcdef0123456789abcdef"
    attachments, workspaces = tmp_path / "attachments", tmp_path / "workspaces"
    return make_app(engine, secret=secret, redis_url=redis_url, attachments_folder=attachments, workspaces=workspaces)


@pytest.fixture
def some_rows(app: FastAPI, engine: Engine) -> None:
    """Small ids are guessed, so that they should be of something; but the key in use should not be revoked."""
    with engine.begin() as tx:
        tx.execute(text("alter sequence api_keys_id_seq restart with 1000000000"))
        for _ in range(3):
            # Ended, so that its events end too.
            job = add_job(tx, state=JobState.FAILURE, counts={"total": 2, "failed": 1})
            ended = {"state": TaskState.ERROR, "given": 2, "failed": 1, "processed": 1}
            task = add_chain(tx, job, [b"/a", b"/\xff"], [ended]) << 6
            add_outcome(tx, job, task, 1, "failed", b"/\xff", "bad")
        editing = add_edit_job(tx, claimed_by="admin")
    workspace = app.state.parts.workspaces.make(editing)
    (workspace / "package" / "roads.geojson").write_text("{}")


@pytest.mark.timeout(400)  # a minute where nothing else runs
def test_no_server_error_and_no_broken_promise(some_rows: None, api: Client):
    schema = schemathesis.openapi.from_dict(api.get("/openapi.json").json())
    session = requests.Session()
    session.trust_env = False
    session.headers.update(dict(api.headers))
    tried = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        if operation.path == "/api/v1/events":
            continue  # it does not end by itself; tests of its own are in test_all_events.py

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
            phases=[Phase.explicit, Phase.generate],
        )
        @given(case=operation.as_strategy())
        def holds(case: schemathesis.Case[Any]) -> None:
            answer = case.call(base_url=str(api.base_url).rstrip("/"), session=session, timeout=20)
            case.validate_response(answer, checks=CHECKS)

        holds()
        tried += 1
    assert tried >= 20
