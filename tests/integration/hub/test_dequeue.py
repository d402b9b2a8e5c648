"""Emptying cancelled jobs: in chunks, small ones first, beside the turns, and at rest when nothing is left."""

import pytest
from sqlalchemy import text

from orchestrator.contracts.report import Ended
from orchestrator.services import dequeue
from orchestrator.services.control import cancel
from orchestrator.storage.counters import Deltas
from tests.integration.hub.conftest import World
from tests.integration.hub.test_control import drain_queue, many


def waiting(world: World, job: int) -> int:
    return world.one("select open_tasks - out as n from progress where job_id = :job", job=job).n


def take_out(world: World) -> bool:
    """One chunk."""
    with world.engine.begin() as tx:
        return dequeue.dequeue(tx)


def small_beside(world: World, large: int) -> int:
    """A job of one task, whose parcel is in the queue."""
    drain_queue(world)
    small = world.submit()
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    world.london.batch(order, 1, [b"/data/1"], closed=True)
    world.turn()
    assert small > large
    return small


def test_a_small_job_does_not_wait_for_a_large_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dequeue, "CHUNK", 10)
    large = many(world, 20)
    small = small_beside(world, large)
    for job in (large, small):
        world.control(cancel, job)
    before = waiting(world, large)
    assert take_out(world)
    assert (waiting(world, small), waiting(world, large)) == (0, before)
    assert take_out(world)
    assert waiting(world, large) == before - 10
    world.all_holds()
    world.turn(2)
    assert (world.state(small), world.state(large)) == ("Cancelled", "Cancelled")


def test_turns_go_on_while_a_chunk_is_being_taken_out(world: World) -> None:
    large = many(world, 20)
    small = small_beside(world, large)
    world.control(cancel, large)
    with world.engine.begin() as tx:
        assert dequeue.dequeue(tx)
        world.hub.tick()
        for site in (world.london, world.paris):
            parcel = site.parcel()
            site.start(parcel)
            site.finish(parcel, 1)
            world.hub.tick()
        world.hub.beside.wait()
        assert (world.state(small), world.state(large)) == ("Success", "Dequeuing")
    world.turn(2)
    assert world.state(large) == "Cancelled"


def test_a_chunk_passes_over_a_job_that_somebody_else_has_locked(world: World) -> None:
    job = many(world, 6)
    world.control(cancel, job)
    with world.engine.begin() as other:
        other.execute(text("select from jobs where id = :job for update"), {"job": job})
        assert not take_out(world)
    assert take_out(world)


def test_what_it_failed_at_is_raised_at_the_next_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Deltas:
        raise RuntimeError("no more")

    world.control(cancel, many(world, 1))
    with monkeypatch.context() as patched:
        patched.setattr("orchestrator.services.dequeue.Deltas", fail)
        world.turn()
        with pytest.raises(RuntimeError, match="no more"):
            world.hub.tick()
    world.turn(3)


def test_while_the_last_are_stopping_there_is_nothing_to_look_through(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dequeue, "CHUNK", 4)
    job = many(world, 6)
    running = drain_queue(world)[0]
    world.london.start(running)
    world.turn()
    world.control(cancel, job)
    chunks = 0
    while take_out(world):
        world.all_holds()
        chunks += 1
        assert chunks < 10
    world.turn()
    assert world.state(job) == "Dequeuing"
    # The running one, and what its chain has before it.
    assert [state for _, state in world.tasks(job) if state != "Cancelled"] == ["Started", "Pending"]
    task, attempt = running.tasks[0].task, running.tasks[0].attempt
    world.london.report(Ended(task, attempt, 0.1, passed=b"\0", stopped=True))
    world.turn(2)
    assert world.state(job) == "Cancelled"
