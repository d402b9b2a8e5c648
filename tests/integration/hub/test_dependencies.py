"""Jobs that may not begin until others have come to a state: met, met by now, never to be met."""

from typing import Any

import pytest

from orchestrator.contracts.dependency import Dependency
from orchestrator.errors import Conflict, Invalid
from orchestrator.services.control import cancel
from orchestrator.services.depend import depend_instead, lock_dependents
from orchestrator.services.hold import release
from tests.integration.hub.conftest import World
from tests.integration.hub.redrives import run

ONE = [{"name": "noop"}]


def first(world: World) -> int:
    """A job that others can wait for, of which nothing has been handed out yet."""
    world.define(ONE)
    return world.submit()


def waiting(world: World, *on: dict[str, Any]) -> int:
    return world.submit(depends_on=list(on))


def found(world: World, path: bytes = b"/data/a") -> None:
    order = world.london.walk()
    world.london.batch(order, 1, [path], closed=True)
    world.turn()


def housekeeping(world: World) -> None:
    world.hub.judge()
    world.turn()


def instead(world: World, job: int, *on: int) -> None:
    with world.engine.begin() as tx:
        asked = [Dependency(job=one) for one in on]
        lock_dependents(tx, job, asked)
        depend_instead(tx, job, asked)


def test_nothing_of_a_job_begins_before_the_other_has_ended_well(world: World) -> None:
    job = first(world)
    after = waiting(world, {"job": job})
    world.turn()
    assert world.london.waiting("discovery") == 1, "of the first only"
    found(world)
    assert world.london.waiting("discovery") == 0
    run(world)
    assert world.state(job) == "Success"
    assert world.one("select outcome from dependencies").outcome == "met", "written with the other's end"
    housekeeping(world)
    assert world.london.walk().job == after
    assert world.one("select awaits from jobs where id = :job", job=after).awaits == 0
    events = world.all("select event, reason from history where job_id = :job order by seq", job=after)
    assert tuple(events[-1]) == ("DependencyMet", f"waited for job {job} to be at least Success")


def test_a_job_can_wait_for_the_beginning_of_another(world: World) -> None:
    job = first(world)
    after = waiting(world, {"job": job, "state": "Started"})
    world.turn()
    found(world)
    world.london.start(world.london.parcel())
    world.turn()
    assert world.state(job) == "Started"
    housekeeping(world)
    assert world.london.walk().job == after


def test_what_is_so_already_need_not_be_waited_for(world: World) -> None:
    job = first(world)
    world.turn()
    found(world)
    run(world)
    after = waiting(world, {"job": job})
    world.turn()
    assert world.london.walk().job == after


def test_what_can_not_be_met_any_more_holds_the_job(world: World) -> None:
    job = first(world)
    after = waiting(world, {"job": job})
    world.control(cancel, job)
    world.turn(2)
    assert world.state(job) == "Cancelled"
    housekeeping(world)
    [hold] = world.all("select * from holds")
    assert (hold.job_id, hold.kind) == (after, "dependency")
    assert hold.reason == f"can not be met: it waits for job {job} to be at least Success, and that has ended otherwise"
    assert world.london.waiting("discovery") == 0
    with world.engine.begin() as tx:
        release(tx, hold.id, "pia", "it need not be")
    world.turn()
    assert world.london.walk().job == after


def test_any_end_will_do_where_that_is_what_is_waited_for(world: World) -> None:
    job = first(world)
    after = waiting(world, {"job": job, "state": "end"})
    world.control(cancel, job)
    world.turn(2)
    housekeeping(world)
    assert not world.all("select * from holds")
    assert world.london.walk().job == after


def test_a_job_that_waits_can_be_cancelled_and_that_is_told_on(world: World) -> None:
    job = first(world)
    after = waiting(world, {"job": job})
    last = waiting(world, {"job": after, "state": "end"})
    world.control(cancel, after)
    world.turn(2)
    assert world.state(after) == "Cancelled"
    housekeeping(world)
    assert {world.london.walk().job, world.london.walk().job} == {job, last}


def test_what_there_is_not_can_not_be_waited_for(world: World) -> None:
    job = first(world)
    with pytest.raises(Invalid) as wrong:
        waiting(world, {"job": 99}, {"job": job, "state": "Done"}, {"job": job})
    assert [(fault.place, fault.reason) for fault in wrong.value.faults] == [
        ("$.depends_on[0].job", "there is no job 99"),
        (
            "$.depends_on[1].state",
            "a job of kind batch can be waited for to be one of Pending, Started, end, Success",
        ),
        ("$.depends_on[2].job", f"job {job} is named twice"),
    ]
    assert len(world.all("select id from jobs")) == 1


def test_jobs_that_would_wait_for_each_other_are_refused(world: World) -> None:
    one = first(world)
    two = waiting(world, {"job": one})
    three = waiting(world, {"job": two})
    for circle in (three, two, one):
        with pytest.raises(Conflict, match="for ever"):
            instead(world, one, circle)
    assert len(world.all("select * from dependencies")) == 2
    instead(world, three, one)
    assert [row.on_job for row in world.all("select on_job from dependencies where job_id = :job", job=three)] == [one]
    instead(world, two)
    instead(world, three)
    assert world.one("select sum(awaits) as n from jobs").n == 0


def test_a_job_that_has_begun_waits_for_nothing_new(world: World) -> None:
    job, other = first(world), world.submit()
    world.turn()
    with pytest.raises(Conflict, match=f"job {job} has begun"):
        instead(world, job, other)
