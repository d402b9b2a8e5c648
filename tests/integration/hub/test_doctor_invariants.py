"""``orchestrator doctor --invariants`` asks the database itself, and says what does not hold."""

import json

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from orchestrator.cli.main import make_app
from tests.integration.hub.conftest import World
from tests.integration.hub.test_control import many, work_off


@pytest.fixture(autouse=True)
def settings(world: World, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", database_url)


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(make_app(["doctor"]), ["doctor", "--invariants", *arguments])


def test_a_healthy_record_is_well(world: World) -> None:
    work_off(world, many(world, 3))
    said = doctor()
    assert said.exit_code == 0, said.output
    assert "looked at: 1 jobs with 6 tasks" in said.output
    assert [line.split()[1] for line in said.output.splitlines()[1:19]] == [f"I{number}:" for number in range(1, 19)]
    assert "nothing is wrong" in said.output


def test_what_is_broken_is_named_and_fails(world: World) -> None:
    job = many(world, 3)
    with world.engine.begin() as tx:
        tx.execute(text("update progress set out = out + 1"))
    said = doctor("--json", "--job", str(job))
    found = [json.loads(line) for line in said.stdout.splitlines()]
    assert said.exit_code == 1
    assert [(one["subject"], one["said"]) for one in found if one["level"] == "wrong"] == [
        ("I4", f"a job's counters are its rows: job {job}: out is 4, and its rows come to 3")
    ]
    with world.engine.begin() as tx:
        tx.execute(text("update progress set out = out - 1"))


def test_a_job_that_is_not_there_and_a_database_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor("--job", "7").exit_code == 1
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert doctor().exit_code == 3
