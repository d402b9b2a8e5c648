"""What the hub counts for metrics: each thing once, whichever process it happens in."""

from orchestrator.contracts.report import Died, Ended, TaskError
from orchestrator.services.control import cancel
from orchestrator.storage import tally
from orchestrator.storage.queries.measures import Measures, measure
from orchestrator.storage.queries.snapshot import snapshot
from tests.integration.hub.conftest import World


def measured(world: World) -> Measures:
    """With what the hub has still in its memory."""
    world.hub.keeper.look()
    with snapshot(world.engine) as tx:
        return measure(tx)


def begin(world: World, **more: object) -> int:
    world.define([{"name": "noop", **more}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.london.batch(order, 1, [b"/a", b"/b"], closed=True)
    world.turn(2)
    return job


def test_what_happens_to_a_task_is_counted_once(world: World):
    job = begin(world, retries={"max": 1, "base": "0s", "jitter": 0})
    one = measured(world)
    assert one.jobs == {("batch", "Pending"): 1}
    assert one.tasks == {"Pending": 1, "Started": 0}
    parcel = world.london.parcel()
    world.london.start(parcel)
    [order] = parcel.tasks
    world.london.report(Ended(order.task, order.attempt, 0.1, error=TaskError("ValueError", "no")))
    world.turn(3)
    again = world.london.parcel()
    world.london.start(again)
    world.london.report(Ended(order.task, order.attempt, 0.1, processed=2))  # of the first attempt: late
    world.turn()
    assert measured(world).tasks == {"Pending": 0, "Started": 1}
    world.london.report(Died(order.task, again.tasks[0].attempt))
    world.turn(2)
    world.london.finish(world.london.parcel(), 1)
    world.turn(2)
    world.london.finish(world.london.parcel(), 1)
    world.turn(2)
    assert world.state(job) == "Success"
    end = measured(world)
    assert end.jobs == {}
    counted = end.counted
    assert counted["jobs", "batch", "Pending"] == counted["jobs", "batch", "Started"] == 1
    assert counted["jobs", "batch", "Success"] == 1
    assert counted["tasks", "Success"] == 1
    assert counted["handed_out", "london", "worker"] == 4
    assert counted["reports", "london", "started"] == 4
    assert (counted["reports", "london", "ended"], counted["reports", "london", "died"]) == (4, 1)
    assert counted["retries", "london"] == counted["crashes", "london"] == counted["late", "london"] == 1
    turns = sum(n for what, n in counted.items() if what[0] == "turns")
    assert turns > 5
    assert counted["turns_seconds",] > 0


def test_a_lease_that_is_lost_is_counted(world: World):
    begin(world)
    world.london.start(world.london.parcel())
    world.turn()
    with world.engine.begin() as tx:
        tx.exec_driver_sql("update parcels set heard_at = now() - interval '1 min'")
    world.hub.judge()
    assert measured(world).counted["leases_lost", "london"] == 1


def test_what_another_process_ends_is_counted_too(world: World):
    """A job that is cancelled before anything ran is ended by the API, and its tasks by the dequeuer."""
    world.define([{"name": "noop"}])
    job = world.submit()
    world.control(cancel, job)
    world.turn(3)
    assert world.state(job) == "Cancelled"
    assert measured(world).counted["jobs", "batch", "Cancelled"] == 1
    other = world.submit()
    world.turn()
    world.london.batch(world.london.walk(), 1, [b"/a"], closed=True)
    world.turn()
    world.control(cancel, other)
    world.turn(3)
    counted = measured(world).counted
    assert (counted["jobs", "batch", "Cancelled"], counted["tasks", "Cancelled"]) == (2, 1)


def test_many_rows_of_one_count_become_one(world: World):
    for _ in range(3):
        with world.engine.begin() as tx:
            tally.add(tx, {("tasks", "Success"): 2.0, ("turns_seconds",): 0.5})
    with world.engine.begin() as tx:
        before = tally.read(tx)
        tally.merge(tx)
        assert tally.read(tx) == before
    assert before["tasks", "Success"] == 6
    assert world.one("select count(*) as n from tallies where name = 'tasks'").n == 1
