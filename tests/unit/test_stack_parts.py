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


def test_nobody_is_told_of_another_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", "postgresql://elsewhere")
    here = Installation(tmp_path, "postgresql://here", "redis://", b"secret", {})
    assert here.hub().environment["ORCHESTRATOR_DATABASE_URL"] == "postgresql://here"
    pool = here.pool("london", tmp_path / "site.toml", Function.WORKER)
    assert "ORCHESTRATOR_DATABASE_URL" not in pool.environment
