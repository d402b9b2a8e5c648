"""What is lost is handed out again: processes, nodes, messages, all of Redis; and poison ends alone."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.contracts.parcel import WalkOrder
from orchestrator.contracts.paths import bitmap, indices
from orchestrator.contracts.report import Died, Problem, Returned
from orchestrator.hub import Hub
from tests.integration.hub.conftest import World
from tests.integration.hub.test_control import work_off


def with_paths(world: World, n: int, chain: list[dict[str, Any]] | None = None) -> int:
    """A job of one batch, whose first task is handed to london."""
    world.define(chain or [{"name": "noop"}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    world.london.batch(order, 1, [b"/data/%d" % i for i in range(n)], closed=True)
    world.turn()
    return job


def age(world: World, seconds: float) -> None:
    """Let time pass for everything that is with a site, by the database's clock."""
    with world.engine.begin() as tx:
        for table, columns in (("parcels", ("heard_at",)), ("walks", ("heard_at",)), ("nodes", ("last_heard",))):
            for column in columns:
                tx.exec_driver_sql(f"update {table} set {column} = {column} - interval '{seconds} seconds'")


@pytest.mark.parametrize("poison", [{7}, {0, 33}, {60}, set(range(61))])
def test_poison_ends_alone_and_the_rest_is_done(world: World, poison: set[int]) -> None:
    job = with_paths(world, 61)
    while world.state(job) in ("Pending", "Started"):
        parcel = world.london.parcel()
        order = parcel.tasks[0]
        tried = set(indices(order.given, 61))
        assert world.london.claim(parcel)
        if tried & poison:
            world.london.report(Died(order.task, order.attempt, "signal 9"))
        else:
            world.london.finish(parcel, len(tried))
        world.london.announce()
        world.turn(2)
    row = world.one("select state, given, processed, failed, crashes from tasks")
    assert tuple(row)[:4] == ("Error", 61, 61 - len(poison), len(poison))
    failed = world.all("select path, message from outcomes order by index")
    assert {bytes(one.path) for one in failed} == {b"/data/%d" % i for i in poison}
    assert {one.message for one in failed} == {"kills its worker"}
    assert world.one("select processed, failed from progress") == (61 - len(poison), len(poison))


def test_the_outcomes_and_notes_of_all_parts_reach_the_next_step(world: World) -> None:
    job = with_paths(world, 4, [{"name": "fs.checksum"}, {"name": "noop"}])
    parcel = world.london.parcel()
    world.london.start(parcel)
    world.london.report(Died(parcel.tasks[0].task, parcel.tasks[0].attempt, "signal 9"))
    world.turn(2)
    half = world.london.parcel()
    assert list(indices(half.tasks[0].given, 4)) == [0, 1]
    world.london.claim(half)
    world.london.finish(
        half, 2, processed=1, failed=1, passed=bitmap([0], 4), problems=[Problem(1, "failed", b"/data/1", "no")]
    )
    world.turn(2)
    for index in (2, 3):  # the culprit has to be one of these: each alone
        rest = world.london.parcel()
        assert list(indices(rest.tasks[0].given, 4)) == [index]
        world.london.claim(rest)
        world.london.finish(rest, 1, processed=1, passed=bitmap([index], 4))
        world.turn(2)
    following = world.london.parcel()
    assert list(indices(following.tasks[0].given, 4)) == [0, 2, 3]
    world.london.claim(following)
    world.london.finish(following, 3, processed=3, passed=bitmap([0, 2, 3], 4))
    world.turn(2)
    assert world.state(job) == "Failure"
    assert world.one("select processed, failed from progress") == (3, 1)


def test_a_silent_node_loses_its_task_and_nothing_is_held_against_it(world: World) -> None:
    job = with_paths(world, 2)
    parcel = world.london.parcel()
    world.london.start(parcel)
    world.turn()
    age(world, 20)
    world.hub.judge()
    world.london.announce()
    world.turn(2)
    again = world.london.parcel()
    assert again.tasks[0].attempt == 2
    assert again.tasks[0].given is None
    assert world.one("select crashes, tries from tasks") == (0, 0)
    world.london.finish(parcel, 2)  # the zombie
    world.turn()
    assert world.one("select count(*) as n from stale_reports").n == 2
    assert world.london.claim(again)
    world.london.finish(again, 2)
    world.turn()
    assert world.state(job) == "Success"


def test_a_node_that_lives_and_does_not_hold_it_has_lost_the_process(world: World) -> None:
    with_paths(world, 2)
    parcel = world.london.parcel()
    world.london.start(parcel)
    world.turn()
    age(world, 20)
    world.london.hold()
    world.turn()
    world.hub.judge()
    world.turn()
    assert world.one("select crashes from tasks").crashes == 1
    assert world.london.parcel().tasks[0].given == b"\1"


def test_what_a_node_holds_keeps_its_lease(world: World) -> None:
    with_paths(world, 2)
    parcel = world.london.parcel()
    world.london.start(parcel)
    world.turn()
    age(world, 14)
    world.london.hold(parcel.id)
    world.turn()
    age(world, 10)
    world.hub.judge()
    world.turn()
    assert world.one("select attempt, state from tasks") == (1, "Started")


def walked(world: World) -> tuple[int, WalkOrder]:
    """A job, and the order of its walk, of which the first entry is kept."""
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.london.claim(order)
    world.london.batch(order, 1, [b"/data/a"], cursor=b"a")
    world.turn()
    return job, order


def test_a_lost_walker_stops_where_it_was_last_heard_of(world: World) -> None:
    job, order = walked(world)
    age(world, 20)
    world.london.announce()
    world.hub.judge()
    world.turn(3)
    again = world.london.walk()
    assert (again.attempt, again.cursor, again.sequence) == (2, b"a", 1)
    world.london.claim(again)
    world.london.batch(order, 2, [b"/data/zombie"])
    world.london.batch(again, 2, [b"/data/b"], closed=True)
    work_off(world, job)
    assert world.one("select total from progress").total == 2


@pytest.mark.parametrize("function", ["worker", "discovery"])
def test_a_message_that_was_popped_and_lost_is_sent_again(world: World, function: str) -> None:
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    if function == "discovery":
        lost: str = order.id
    else:
        world.london.claim(order)
        world.london.batch(order, 1, [b"/data/a"], closed=True)
        world.turn()
        lost = world.london.parcel().id
    world.hub.find_lost()
    world.turn()
    assert world.london.waiting(function) == 0
    age(world, 9)
    world.london.announce()
    world.turn()
    world.hub.find_lost()
    world.turn()
    again = world.london.walk() if function == "discovery" else world.london.parcel()
    assert again.id != lost
    if function == "discovery":
        world.london.claim(again)
        world.london.batch(again, 1, [b"/data/a"], closed=True)  # type: ignore[arg-type]
    else:
        world.london.claim(again)
        world.london.finish(again, 1)  # type: ignore[arg-type]
    work_off(world, job)
    assert world.state(job) == "Success"


def test_a_message_that_still_stands_in_its_queue_is_left_there(world: World) -> None:
    with_paths(world, 1)
    age(world, 60)
    world.london.announce()
    world.turn()
    world.hub.find_lost()
    world.turn()
    assert world.one("select attempt from tasks").attempt == 1


def test_a_new_hub_judges_nobody_at_once(world: World, new_hub: Callable[[], Hub]) -> None:
    with_paths(world, 1)
    parcel = world.london.parcel()
    world.london.start(parcel)
    world.turn()
    age(world, 300)
    world.hub = new_hub()
    world.hub.judge()
    world.turn(2)
    assert world.one("select attempt, state from tasks") == (1, "Started")


def test_a_returned_task_waits_for_nothing(world: World) -> None:
    with_paths(world, 1)
    parcel = world.london.parcel()
    world.london.report(Returned(parcel.tasks[0].task, 1, "draining"))
    world.turn(2)
    assert world.london.parcel().tasks[0].attempt == 2
    assert world.one("select tries, crashes from tasks") == (0, 0)


def test_what_was_claimed_and_has_not_begun_is_not_taken_for_lost(world: World) -> None:
    """Its field is gone from Redis, and nobody has said Started: a worker may be about to. A lease decides."""
    with_paths(world, 1)
    parcel = world.london.parcel()
    assert world.london.claim(parcel)
    age(world, 9)
    world.london.hold(parcel.id)
    world.turn()
    age(world, 9)
    world.hub.find_lost()
    world.turn()
    assert world.one("select attempt from tasks").attempt == 1
    age(world, 9)
    world.hub.find_lost()
    world.london.announce()
    world.turn(2)
    assert world.one("select attempt from tasks").attempt == 2


def test_what_a_worker_held_before_it_began_anew_is_handed_out_at_once(world: World) -> None:
    job = with_paths(world, 2)
    parcel = world.london.parcel()
    world.london.start(parcel)
    world.turn()
    world.hub.judge()
    assert world.one("select attempt, state from tasks") == (1, "Started")
    world.london.boot = "another"
    world.london.announce()
    world.turn()
    world.hub.judge()
    world.turn()
    assert world.one("select attempt, state, tries, crashes from tasks") == (2, "Pending", 0, 0)
    again = world.london.parcel()
    world.london.start(again)
    world.turn()
    world.hub.judge()
    assert world.one("select attempt, state from tasks") == (2, "Started"), "what it took since then is its own"
    world.london.finish(parcel, 2)
    world.london.finish(again, 2)
    world.turn()
    assert world.state(job) == "Success"


def test_a_walk_that_a_worker_was_at_before_it_began_anew_goes_on_at_once(world: World) -> None:
    world.london.node = "london.discovery@host"
    job, _ = walked(world)
    world.hub.judge()
    assert world.one("select state from walks").state == "Running"
    world.london.boot = "another"
    world.london.announce()
    world.turn()
    world.hub.judge()
    world.turn(2)
    again = world.london.walk()
    assert (again.attempt, again.cursor) == (2, b"a")
    world.london.claim(again)
    world.london.batch(again, 2, [b"/data/b"], closed=True)
    work_off(world, job)
    assert world.one("select total from progress").total == 2
