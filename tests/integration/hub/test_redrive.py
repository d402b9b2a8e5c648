"""Redriving: only what did not succeed, from the step at which it stopped, once."""

from typing import Any

import pytest

from orchestrator.contracts.control import Asked
from orchestrator.errors import Conflict, IllegalTransition, NotFound
from orchestrator.services import redrive as service
from tests.integration.hub.conftest import World
from tests.integration.hub.redrives import filled, progress, redrive, run


def test_only_what_did_not_succeed_from_where_it_stopped(world: World) -> None:
    job = filled(world, 4, 3, 2)
    run(world, bad={b"0/data/1/0", b"1/data/1/2", b"2/data/2/1"}, broken={b"1/data/3/0"}, gone={b"2/data/1/3"})
    assert world.state(job) == "Failure"
    assert progress(world, job) == (9, 3, 5, 1, 0)
    new = redrive(world, job, reason="mended")
    world.turn()
    assert world.state(new) == "Pending"
    assert run(world) == [
        (0, b"/data/1/0"),
        (1, b"/data/1/0"), (1, b"/data/1/2"), (1, b"/data/3/0"), (1, b"/data/3/1"),
        (2, b"/data/1/0"), (2, b"/data/1/2"), (2, b"/data/1/3"), (2, b"/data/2/1"),
        (2, b"/data/3/0"), (2, b"/data/3/1"),
    ]  # fmt: skip
    assert world.state(new) == "Success"
    assert progress(world, new) == (6, 6, 0, 0, 0)
    row = world.one("select redrive_of, owner, workflow_version from jobs where id = :job", job=new)
    assert tuple(row) == (job, "tester", 1)
    steps = [step for step, _ in world.tasks(new)]
    assert (steps.count(0), steps.count(1), steps.count(2)) == (1, 3, 4), "only that step and later ones are made"
    events = [
        (row.event, row.reason) for row in world.all("select event, reason from history where job_id = :job", job=job)
    ]
    assert events[-1] == ("Redriven", f"by job {new}: mended")


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ({"include": ["Failure"]}, {b"/data/3/0", b"/data/3/1"}),
        ({"include": ["Error"]}, {b"/data/1/0", b"/data/1/2", b"/data/1/3", b"/data/2/1"}),
        ({"include": ["Cancelled"]}, set()),
        ({"steps": [1]}, {b"/data/1/2", b"/data/3/0", b"/data/3/1"}),
        ({"steps": [0, 2], "include": ["Error"]}, {b"/data/1/0", b"/data/1/3", b"/data/2/1"}),
    ],
)
def test_by_outcome_and_step(world: World, asked: dict[str, Any], taken: set[bytes]) -> None:
    job = filled(world, 4, 3, 2)
    run(world, bad={b"0/data/1/0", b"1/data/1/2", b"2/data/2/1"}, broken={b"1/data/3/0"}, gone={b"2/data/1/3"})
    new = redrive(world, job, **asked)
    assert {path for _, path in run(world)} == taken
    assert world.state(new) == "Success"
    rest = redrive(world, job)
    everything = {b"/data/1/0", b"/data/1/2", b"/data/1/3", b"/data/2/1", b"/data/3/0", b"/data/3/1"}
    assert {path for _, path in run(world)} == everything - taken, "the rest, and nothing twice"
    assert world.state(rest) == "Success"


def test_by_fingerprint(world: World) -> None:
    job = filled(world, 4, 2)
    run(world, bad={b"1/data/1/0", b"2/data/1/1"}, broken={b"1/data/2/0"})
    prints = {
        row.step: row.fingerprint
        for row in world.all("select step, fingerprint from error_groups where error_class = 'Bad'")
    }
    [broken] = [
        row.fingerprint for row in world.all("select fingerprint from error_groups where error_class = 'Broken'")
    ]
    redrive(world, job, fingerprints=[prints[2]])
    assert {path for _, path in run(world)} == {b"/data/1/1"}
    redrive(world, job, fingerprints=[broken])
    assert {path for _, path in run(world)} == {b"/data/2/0", b"/data/2/1"}


def test_what_fails_again_is_redriven_with_the_first_job_or_with_the_second(world: World) -> None:
    job = filled(world, 3)
    run(world, bad={b"0/data/1/0", b"1/data/1/1"})
    second = redrive(world, job)
    run(world, bad={b"2/data/1/0"})
    assert world.state(second) == "Failure"
    third = redrive(world, job)
    assert run(world, bad={b"2/data/1/0"}) == [(2, b"/data/1/0")]
    assert world.state(third) == "Failure"
    fourth = redrive(world, third)
    assert run(world) == [(2, b"/data/1/0")]
    assert world.state(fourth) == "Success"
    with pytest.raises(Conflict, match="nothing of job"):
        redrive(world, job)


def test_one_redrive_at_a_time_and_of_what_has_ended(world: World) -> None:
    job = filled(world, 2)
    with pytest.raises(IllegalTransition):
        redrive(world, job)
    with pytest.raises(NotFound):
        redrive(world, 99)
    run(world, bad={b"0/data/1/0"})
    new = redrive(world, job)
    with pytest.raises(Conflict, match=f"job {new} redrives it already"):
        redrive(world, job)


def test_a_single_task_is_tried_again(world: World) -> None:
    job = filled(world, 3, 2)
    run(world, bad={b"0/data/1/0", b"0/data/1/2", b"0/data/2/1"}, broken={b"1/data/2/0"})
    tasks = world.all(
        "select id, state, id & 63 as step from tasks where stopped is not null and given > 0 order by id"
    )
    [error, *_] = [row.id for row in tasks if row.state == "Error"]
    [failure] = [row.id for row in tasks if row.state == "Failure"]
    with world.engine.begin() as tx:
        new = service.retry(tx, error, Asked(), "tester")
    assert {(step, path) for step, path in run(world)} == {(s, b"/data/1/%d" % i) for s in range(3) for i in (0, 2)}
    assert world.state(new) == "Success"
    with pytest.raises(Conflict, match=f"job {new} has taken that over already"), world.engine.begin() as tx:
        service.retry(tx, error, Asked(), "tester")
    with world.engine.begin() as tx:
        service.retry(tx, failure, Asked(), "tester")
    assert {path for _, path in run(world)} == {b"/data/2/0"}
    redrive(world, job)
    assert {path for _, path in run(world)} == {b"/data/2/1"}
