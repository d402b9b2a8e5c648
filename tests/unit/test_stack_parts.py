"""What the programs of the stack are told by their environment."""

from pathlib import Path

import pytest

from orchestrator.contracts.names import Function
from orchestrator.stack.parts import Installation


def test_the_hub_is_told_how_many_tasks_travel_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Installation(tmp_path, "postgresql://", "redis://", b"secret", {})
    monkeypatch.delenv("ORCHESTRATOR_PARCEL_TASKS", raising=False)
    assert "ORCHESTRATOR_PARCEL_TASKS" not in here.hub().environment
    monkeypatch.setenv("ORCHESTRATOR_PARCEL_TASKS", "1")
    assert here.hub().environment["ORCHESTRATOR_PARCEL_TASKS"] == "1"


def test_hub_and_api_are_told_where_the_workspaces_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Installation(tmp_path, "postgresql://", "redis://", b"secret", {})
    told = {"ORCHESTRATOR_WORKSPACES": "/srv/workspaces", "ORCHESTRATOR_EDITS_MIB": "7"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert here.hub().environment["ORCHESTRATOR_WORKSPACES"] == "/srv/workspaces"
    assert told.items() <= here.api(8080).environment.items()
    pool = here.pool("london", tmp_path / "site.toml", Function.WORKER)
    assert "ORCHESTRATOR_WORKSPACES" not in pool.environment, "a site sees them as one of its roots"


def test_nobody_is_told_of_another_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", "postgresql://elsewhere")
    here = Installation(tmp_path, "postgresql://here", "redis://", b"secret", {})
    assert here.hub().environment["ORCHESTRATOR_DATABASE_URL"] == "postgresql://here"
    pool = here.pool("london", tmp_path / "site.toml", Function.WORKER)
    assert "ORCHESTRATOR_DATABASE_URL" not in pool.environment
