"""Emptying cancelled jobs: in chunks, small ones first, and at rest when there is nothing left to take out."""

import pytest

from orchestrator.contracts.report import Ended
from orchestrator.services import dequeue
from orchestrator.services.control import cancel
from tests.integration.hub.conftest import World
from tests.integration.hub.test_control import drain_queue, many


def waiting(world: World, job: int) -> int:
    return world.one("select open_tasks - out as n from progress where job_id = :job", job=job).n


def test_a_small_job_does_not_wait_for_a_large_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dequeue, "CHUNK", 10)
    large = many(world, 20)
    drain_queue(world)
    small = world.submit()
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    world.london.batch(order, 1, [b"/data/1"], closed=True)
    world.turn()
    for job in (large, small):
        world.control(cancel, job)
    before = waiting(world, large)
    world.turn()
    assert world.state(small) == "Cancelled"
    assert waiting(world, large) == before
    world.turn()
    assert waiting(world, large) == before - 10
    world.all_holds()
    world.turn(4)
    assert world.state(large) == "Cancelled"


def test_while_the_last_are_stopping_there_is_nothing_to_look_through(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dequeue, "CHUNK", 4)
    job = many(world, 6)
    running = drain_queue(world)[0]
    world.london.start(running)
    world.turn()
    world.control(cancel, job)
    turns = 0
    while world.hub._more or not turns:
        world.turn()
        world.all_holds()
        turns += 1
        assert turns < 10
    assert world.state(job) == "Dequeuing"
    # The running one, and what its chain has before it.
    assert [state for _, state in world.tasks(job) if state != "Cancelled"] == ["Started", "Pending"]
    task, attempt = running.tasks[0].task, running.tasks[0].attempt
    world.london.report(Ended(task, attempt, 0.1, passed=b"\0", stopped=True))
    world.turn(2)
    assert world.state(job) == "Cancelled"
