"""What waits for its time, and what is over when its time is: not before, and the deadline."""

from datetime import UTC, datetime, timedelta

from orchestrator.storage.queries.why import why_job
from tests.integration.hub.conftest import World
from tests.integration.hub.test_control import drain_queue, work_off


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def test_nothing_of_a_job_begins_before_its_time(world: World) -> None:
    world.define([{"name": "noop"}])
    job = world.submit(not_before=in_an_hour())
    world.turn(3)
    assert world.state(job) == "Pending"
    assert world.london.waiting("discovery") == 0
    with world.engine.begin() as tx:
        [cause] = [cause for cause in why_job(tx, job).items if cause.cause == "not_before"]
        tx.exec_driver_sql("update jobs set not_before = clock_timestamp()")
    assert "is not to begin before" in cause.detail
    world.turn()
    order = world.london.walk()
    world.london.claim(order)
    world.london.batch(order, 1, [b"/data/a"], closed=True)
    work_off(world, job)
    assert world.state(job) == "Success"


def test_a_job_is_cancelled_at_its_deadline(world: World) -> None:
    world.define([{"name": "noop"}])
    job, other = world.submit(deadline=in_an_hour()), world.submit()
    world.hub.judge()
    assert world.state(job) == "Pending"
    world.turn()
    order = world.london.walk()
    world.london.claim(order)
    world.london.batch(order, 1, [b"/data/a"], [], closed=True)
    world.turn()
    [parcel] = drain_queue(world)
    with world.engine.begin() as tx:
        tx.exec_driver_sql("update jobs set deadline = clock_timestamp() where deadline is not null")
    world.hub.judge()
    assert not world.london.claim(parcel), "what was queued has been taken back"
    world.turn(2)
    assert world.state(job) == "Cancelled"
    row = world.one("select actor, reason from history where event = 'CancelRequested'")
    assert row.actor == "hub"
    assert row.reason.startswith("its deadline, ")
    assert world.state(other) == "Pending"
