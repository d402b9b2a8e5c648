"""Chaos, as a person runs it: everything holds, and nothing stays behind. And what does not hold is found."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from orchestrator.chaos import FAULTS, Target, opened, trial
from orchestrator.chaos.faults import Fault, Lasting
from orchestrator.chaos.load import ACTIONS, WORKFLOW, make_files, workflow
from orchestrator.chaos.target import NotNow
from orchestrator.client import ApiRefused
from orchestrator.errors import Unreachable
from orchestrator.stack.scratch import Stage, running, stage
from orchestrator.stack.wait import wait_until
from tests.acceptance.test_demo import assert_nothing_is_left, environment, temporary

pytestmark = pytest.mark.timeout(400)
__all__ = ["temporary"]


def test_all_that_must_hold_does_and_nothing_stays(temporary: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator.cli.main", "chaos", "--seconds", "12", "--seed", "3", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=380,
        env=environment(temporary),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["problems"] == []
    assert (report["seed"], report["violations"], report["unended"]) == (3, [], [])
    assert sum(report["faults"].values()) >= 2
    assert report["tasks"] >= 12
    assert report["runs"] >= report["paths"]["processed"] > 0
    assert_nothing_is_left(temporary)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    command = [sys.executable, "-m", "orchestrator.cli.main", "chaos", "--home", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "is not empty" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


@pytest.fixture(scope="module")
def made() -> Iterator[Stage]:
    with stage("chaos") as made, running(made, [made.files], actions=[ACTIONS]):
        yield made


@pytest.fixture
def target(made: Stage) -> Iterator[Target]:
    with opened(made.home) as target:
        yield target


def is_injected(target: Target, fault: Fault) -> bool:
    try:
        lasting = fault(target, Random(1))
    except NotNow:
        return False
    if lasting is not None:
        assert wait_until(lambda: is_healed(lasting), 30)
    return True


def is_healed(lasting: Lasting) -> bool:
    try:
        lasting.heal()
    except Unreachable:
        return False
    return True


def has_state(target: Target, job: int, state: str) -> bool:
    try:
        return target.client.job(job)["state"] == state
    except (Unreachable, ApiRefused):
        return False


def test_every_fault_can_be_injected_and_the_job_ends_all_the_same(made: Stage, target: Target) -> None:
    make_files(made.files)
    target.client.apply_workflow(WORKFLOW, workflow(made.folder / "ran"))
    job: int = target.client.submit(WORKFLOW, "london", [bytes(made.files)])["id"]
    spared = {name: fault for name, (_, fault) in FAULTS.items() if name != "cancel"}
    for name, fault in spared.items():
        assert wait_until(lambda fault=fault: is_injected(target, fault), 60), name
    assert wait_until(lambda: has_state(target, job, "Success"), 120)
    other: int = target.client.submit(WORKFLOW, "london", [bytes(made.files)])["id"]
    assert wait_until(lambda: is_injected(target, FAULTS["cancel"][1]), 60)
    assert wait_until(lambda: has_state(target, other, "Cancelled"), 60)


def hide(target: Target, _random: Random) -> Lasting:
    """Lose every task that is ready, and find it again later."""
    with target.engine.begin() as tx:
        lost = [dict(row) for row in tx.execute(text("delete from ready returning *")).mappings()]
    if not lost:
        raise NotNow

    def find() -> None:
        columns = ", ".join(lost[0])
        values = ", ".join(f":{column}" for column in lost[0])
        with target.engine.begin() as tx:
            tx.execute(text(f"insert into ready ({columns}) values ({values})"), lost)

    return Lasting(2.5, find)


def test_a_task_that_is_lost_is_found_out(made: Stage, target: Target) -> None:
    faults: Mapping[str, tuple[int, Fault]] = {"lose what is ready": (1, hide)}
    files = made.files / "more"
    files.mkdir()
    report = trial(target, files, made.folder / "ran", seconds=8, seed=1, jobs=4, faults=faults)
    assert report.unended == []
    assert any(problem.startswith("I1: an open task is ready") for problem in report.problems)
