"""Pausing, resuming, cancelling: what is taken back, what is finished, and that nothing can be claimed afterwards."""

import pytest

from orchestrator.contracts.claims import OUT
from orchestrator.contracts.parcel import Parcel
from orchestrator.contracts.report import Died, Ended, Problem
from orchestrator.errors import IllegalTransition
from orchestrator.services.control import cancel, pause, resume
from tests.integration.hub.conftest import World
from tests.integration.hub.test_main_way import TWO_STEPS


def many(world: World, batches: int, *, close: bool = True) -> int:
    """A job with several batches, its discovery closed."""
    world.define(TWO_STEPS)
    job = world.submit()
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    for sequence in range(1, batches + 1):
        world.london.batch(order, sequence, [b"/data/%d" % sequence], closed=close and sequence == batches)
    world.turn()
    return job


def drain_queue(world: World) -> list[Parcel]:
    return [world.london.parcel() for _ in range(world.london.waiting())]


def work_off(world: World, job: int, turns: int = 60) -> None:
    for _ in range(turns):
        for site in (world.london, world.paris):
            for _ in range(site.waiting()):
                parcel = site.parcel()
                if site.claim(parcel):
                    site.finish(parcel, 1)
        world.turn()
        if world.state(job) in ("Success", "Failure", "Cancelled"):
            return
    raise AssertionError(world.state(job))


def test_pause_takes_back_what_is_queued_and_waits_for_what_runs(world: World) -> None:
    job = many(world, 6)
    queued = drain_queue(world)
    assert len(queued) == 4
    world.london.start(queued[0])
    world.turn()
    world.control(pause, job)
    assert world.state(job) == "Pausing"
    assert not any(world.london.claim(parcel) for parcel in queued[1:])
    world.turn(2)
    assert world.london.waiting() == 0
    assert world.one("select count(*) as n from handouts").n == 1
    world.london.finish(queued[0], 1)
    world.turn(2)
    assert world.state(job) == "Paused"
    assert world.paris.waiting() == world.london.waiting() == 0
    world.control(pause, job)
    assert world.state(job) == "Paused"
    world.control(resume, job)
    assert world.state(job) == "Started"
    work_off(world, job)
    assert world.state(job) == "Success"
    assert world.one("select processed from progress").processed == 6
    history = [(row.event, row.actor, row.reason) for row in world.all("select * from history order by seq")]
    assert ("PauseRequested", "tester", "because") in history
    assert ("Resumed", "tester", "because") in history


def test_a_job_that_has_not_begun_is_paused_at_once_and_resumed_as_pending(world: World) -> None:
    job = many(world, 2)
    world.control(pause, job)
    assert world.state(job) == "Paused"
    world.control(resume, job)
    assert world.state(job) == "Pending"
    work_off(world, job)
    assert world.state(job) == "Success"


def test_discovery_stops_at_a_checkpoint_and_goes_on_after_resume(world: World) -> None:
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    world.london.batch(order, 1, [b"/data/a"], cursor=b"a")
    world.turn()
    world.control(pause, job)
    assert world.state(job) == "Pausing"
    world.turn()
    field = f"{job}:{order.subtree}"
    assert world.redis.hget("orchestrator:london:grants", field) == b"-1"
    world.london.batch(order, 2, [b"/data/b"], cursor=b"b", stopped=True)
    world.turn()
    assert world.state(job) == "Paused"
    assert not world.london.claim(world.london.parcel())
    world.control(resume, job)
    world.turn(2)
    again = world.london.walk()
    assert (again.cursor, again.sequence, again.attempt) == (b"b", 2, 2)
    assert world.london.claim(again)
    world.london.batch(again, 3, [b"/data/c"], closed=True)
    work_off(world, job)
    assert world.one("select total, processed from progress") == (3, 3)


def test_a_walk_that_nobody_has_begun_is_taken_back(world: World) -> None:
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.control(pause, job)
    assert world.state(job) == "Paused"
    assert not world.london.claim(order)
    world.control(resume, job)
    world.turn()
    assert world.london.walk().attempt == 2


def test_cancel_ends_everything_and_gives_a_receipt(world: World) -> None:
    job = many(world, 8)
    parcels = drain_queue(world)
    for parcel in parcels[:3]:
        world.london.start(parcel)
    world.turn()
    world.control(cancel, job)
    assert world.state(job) == "Dequeuing"
    assert not world.london.claim(parcels[3])
    world.turn(2)
    assert world.state(job) == "Dequeuing"
    grace = world.redis.hget("orchestrator:london:stops", str(job))
    assert grace is not None
    assert 25 < float(grace) <= 30  # type: ignore[arg-type]
    world.london.finish(parcels[0], 1)
    task, attempt = parcels[1].tasks[0].task, parcels[1].tasks[0].attempt
    world.london.report(Ended(task, attempt, 0.1, passed=b"\0", stopped=True))
    task, attempt = parcels[2].tasks[0].task, parcels[2].tasks[0].attempt
    world.london.report(Died(task, attempt, "killed"))
    world.turn(2)
    assert world.state(job) == "Cancelled"
    assert not world.redis.hexists("orchestrator:london:stops", str(job))
    states = [state for _, state in world.tasks(job)]
    assert (states.count("Success"), states.count("Cancelled")) == (1, 15)
    row = world.one("select receipt, reason from jobs")
    assert row.receipt == {"waiting": 12, "queued": 1, "running": 3, "stopped": 2, "finished": 1}
    row = world.one("select total, processed, cancelled from progress")
    assert (row.total, row.processed, row.cancelled) == (8, 0, 8)
    assert world.one("select count(*) as n from ready").n == 0
    world.control(cancel, job)
    assert world.state(job) == "Cancelled"
    for do in (pause, resume):
        with pytest.raises(IllegalTransition):
            world.control(do, job)


def test_what_was_done_until_the_stop_is_kept(world: World) -> None:
    world.define(TWO_STEPS)
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.london.claim(order)
    world.london.batch(order, 1, [b"/data/%d" % i for i in range(5)], closed=True)
    world.turn()
    parcel = world.london.parcel()
    world.london.start(parcel)
    world.turn()
    world.control(cancel, job)
    task, attempt = parcel.tasks[0].task, parcel.tasks[0].attempt
    problem = Problem(1, "failed", b"/data/1", "no", "Bad")
    world.london.report(
        Ended(task, attempt, 0.1, processed=2, failed=1, passed=b"\5", problems=[problem], stopped=True)
    )
    world.turn(2)
    assert world.state(job) == "Cancelled"
    row = world.one("select state, processed, failed, given from tasks where id = :task", task=task)
    assert tuple(row) == ("Cancelled", 2, 1, 5)
    row = world.one("select total, processed, failed, cancelled from progress")
    assert tuple(row) == (5, 0, 1, 4)


def test_a_site_that_is_gone_does_not_hold_up_a_cancel(world: World) -> None:
    job = many(world, 2)
    parcel = drain_queue(world)[0]
    world.london.start(parcel)
    world.turn()
    world.control(cancel, job, grace_s=0.0)
    world.turn()
    assert world.state(job) == "Dequeuing"
    with world.engine.begin() as tx:
        tx.exec_driver_sql("update jobs set dequeue_by = now() - interval '1 second'")
    world.hub.judge()
    world.turn(2)
    assert world.state(job) == "Cancelled"
    world.london.finish(parcel, 1)
    world.turn()
    assert world.one("select count(*) as n from stale_reports").n == 2


def test_cancelling_while_discovery_runs_drops_what_comes_after(world: World) -> None:
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.london.claim(order)
    world.london.batch(order, 1, [b"/data/a"])
    world.turn()
    world.control(cancel, job)
    world.london.batch(order, 2, [b"/data/b"])
    world.turn(2)
    assert world.state(job) == "Dequeuing"
    world.london.batch(order, 3, [b"/data/c"], stopped=True)
    world.turn(2)
    assert world.state(job) == "Cancelled"
    assert world.one("select total, cancelled from progress") == (1, 1)


def test_a_paused_job_can_be_cancelled(world: World) -> None:
    job = many(world, 3)
    world.control(pause, job)
    world.control(cancel, job)
    world.turn(2)
    assert world.state(job) == "Cancelled"


def test_a_hand_out_that_is_published_after_a_pause_can_not_be_claimed(world: World) -> None:
    """The hub has committed and not yet published when the pause comes: its message finds no permit."""
    job = many(world, 2)
    late = drain_queue(world)
    world.control(pause, job)
    for parcel in late:  # as if HSET and LPUSH came only now
        world.redis.hset("orchestrator:london:handouts", parcel.id, OUT)
        assert not world.london.claim(parcel)
    world.control(resume, job)
    work_off(world, job)
    assert world.state(job) == "Success"
