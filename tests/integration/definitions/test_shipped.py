"""What ships is there after a migration, is brought up to date, and never takes the place of a person's own."""

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, select

from orchestrator.contracts.workflow import Workflow
from orchestrator.services import define, ship
from orchestrator.storage.tables import workflow_versions

OURS = ["archive", "checksum", "copy", "sync", "verify"]


def shipping(engine: Engine) -> list[str]:
    with engine.begin() as tx:
        return ship.ship(tx)


def newest(engine: Engine, name: str) -> Any:
    with engine.connect() as tx:
        versions = select(workflow_versions).where(workflow_versions.c.workflow == name)
        return tx.execute(versions.order_by(workflow_versions.c.version.desc()).limit(1)).one()


def test_a_new_installation_has_them_and_a_second_time_changes_nothing(engine: Engine) -> None:
    assert shipping(engine) == OURS
    assert shipping(engine) == []
    with engine.connect() as tx:
        listed = define.list_workflows(tx, 50).items
    assert [(workflow.name, workflow.version, workflow.created_by) for workflow in listed] == [
        (name, 1, "orchestrator") for name in OURS
    ]


def test_an_upgrade_brings_new_versions(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    shipping(engine)
    newer = [workflow.model_copy(update={"label": "Newer"}) for workflow in ship.shipped() if workflow.name == "copy"]
    monkeypatch.setattr(ship, "shipped", lambda: newer)
    assert shipping(engine) == ["copy"]
    assert (newest(engine, "copy").version, newest(engine, "copy").definition["label"]) == (2, "Newer")


def test_what_people_have_made_of_them_stays(offering: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    shipping(offering)
    with offering.begin() as tx:
        define.change(tx, "copy", {"label": "Mine", "filter_rules": [{"action": [{"name": "noop"}]}]}, "ann")
        define.delete(tx, "archive", "tester")
    plain: list[Workflow] = list(ship.shipped())
    monkeypatch.setattr(ship, "shipped", lambda: [one.model_copy(update={"label": "Newer"}) for one in plain])
    assert shipping(offering) == ["checksum", "sync", "verify"]
    assert newest(offering, "copy").definition["label"] == "Mine"
    with offering.connect() as tx:
        assert "archive" not in [workflow.name for workflow in define.list_workflows(tx, 50).items]


def test_a_name_that_ships_is_free_until_somebody_takes_it(api: httpx.Client, offering: Engine) -> None:
    shipping(offering)
    mine = {"name": "copy", "filter_rules": [{"action": [{"name": "noop"}]}]}
    taken = api.post("/workflows", json=mine)
    assert (taken.status_code, taken.json()["version"], taken.json()["created_by"]) == (201, 2, "admin")
    assert api.post("/workflows", json=mine).status_code == 409
    assert shipping(offering) == []


def test_a_name_that_somebody_had_before_is_left_alone(offering: Engine) -> None:
    with offering.begin() as tx:
        define.create(tx, {"name": "sync", "filter_rules": [{"action": [{"name": "noop"}]}]}, "ann")
    assert shipping(offering) == ["archive", "checksum", "copy", "verify"]
    assert newest(offering, "sync").created_by == "ann"
