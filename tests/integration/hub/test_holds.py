"""Holds: by a person, by tolerance, by the breaker; what they stop, what they leave alone, and being released."""

from threading import Thread
from typing import Any

import pytest

from orchestrator.contracts.hold import HoldAsked
from orchestrator.contracts.paths import bitmap, indices
from orchestrator.contracts.report import Ended, Problem
from orchestrator.errors import Conflict, Invalid, NotFound
from orchestrator.services.control import cancel, pause
from orchestrator.services.hold import place, release
from orchestrator.services.lanes import lock_running
from orchestrator.services.memory import Memory
from orchestrator.services.turn import hand_out
from orchestrator.stack.wait import wait_until
from orchestrator.storage.queries.jobs import read_job
from tests.integration.hub.conftest import World
from tests.integration.hub.test_control import drain_queue, many, work_off

WAITS = "select count(*) as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


def hold(world: World, reason: str = "look first", **scope: Any) -> int:
    with world.engine.begin() as tx:
        return place(tx, HoldAsked.model_validate({"scope": scope, "reason": reason}), "tester")


def let_go(world: World, id: int) -> None:
    with world.engine.begin() as tx:
        release(tx, id, "tester", "looked")


def test_a_hand_out_that_waits_for_a_hold_to_be_placed_sees_it(world: World) -> None:
    job = many(world, 1)
    seen: list[set[int]] = []

    def hand_out() -> None:
        with world.engine.begin() as tx:
            seen.append(lock_running(tx, [job]))

    other = Thread(target=hand_out)
    with world.engine.begin() as tx:
        place(tx, HoldAsked.model_validate({"scope": {"job": job}, "reason": "look first"}), "tester")
        other.start()
        assert wait_until(lambda: world.one(WAITS).n == 1, 20)
    other.join()
    assert seen == [set()]


WIDE = [{"site": "london"}, {"queue": "default"}, {"workflow": "work"}, {"owner": "tester"}, {"path_prefix": "/data"}]


@pytest.mark.parametrize("scope", WIDE, ids=lambda scope: next(iter(scope)))
def test_a_wide_hold_and_a_hand_out_wait_for_each_other(world: World, scope: dict[str, str]) -> None:
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    kept_back = hold(world, job=job)
    world.london.batch(order, 1, [b"/data/1"], closed=True)
    world.turn(2)
    let_go(world, kept_back)  # its task is ready, there is room for it, and no turn has seen that yet
    with world.engine.begin() as tx:
        first = place(tx, HoldAsked.model_validate({"scope": scope, "reason": "look first"}), "tester")
        turn = Thread(target=world.turn)
        turn.start()
        assert wait_until(lambda: world.one(WAITS).n == 1, 20)
    turn.join()
    assert world.london.waiting() == 0, "a turn that began before the hold was placed sees it"
    let_go(world, first)
    placing = Thread(target=hold, args=(world, "again"), kwargs=scope)
    with world.engine.connect() as tx, tx.begin() as under_way:
        hand_out(tx, 1, Memory())
        placing.start()
        assert wait_until(lambda: world.one(WAITS).n == 1, 20), "it is not placed while something is handed out"
        under_way.rollback()
    placing.join()
    world.turn(2)
    assert world.london.waiting() == 0


@pytest.mark.parametrize("scope", ["job", "site", "queue", "workflow", "owner"])
def test_what_is_held_is_not_handed_out_until_it_is_released(world: World, scope: str) -> None:
    job = many(world, 8)
    of: Any = {"job": job, "site": "london", "queue": "default", "workflow": "work", "owner": "tester"}[scope]
    queued = drain_queue(world)
    held: dict[str, Any] = {scope: of}
    first, second = hold(world, **held), hold(world, "and again", **held)
    for parcel in queued:  # what was handed out before goes on
        world.london.claim(parcel)
        world.london.finish(parcel, 1)
    world.turn(3)
    assert world.london.waiting() == 0
    assert world.state(job) == "Started"
    with world.engine.begin() as tx:
        assert [one.id for one in read_job(tx, job).holds] == [first, second]
    let_go(world, first)
    let_go(world, first)
    world.turn(2)
    assert world.london.waiting() == 0, "another holds it still"
    let_go(world, second)
    work_off(world, job)
    assert world.state(job) == "Success"
    rows = world.all("select released_by, release_reason from holds")
    assert [tuple(row) for row in rows] == [("tester", "looked")] * 2


def test_a_hold_of_something_else_stops_nothing(world: World) -> None:
    hold(world, site="paris", queue="bulk")
    hold(world, owner="somebody")
    job = many(world, 3)
    hold(world, job=job, owner="somebody")
    work_off(world, job)
    assert world.state(job) == "Success"


def test_no_walk_of_a_held_job_begins(world: World) -> None:
    world.define([{"name": "noop"}])
    id = hold(world, workflow="work")
    world.submit()
    world.turn(2)
    assert world.london.waiting("discovery") == 0
    let_go(world, id)
    world.turn()
    assert world.london.waiting("discovery") == 1


def test_a_held_job_can_be_paused_and_cancelled(world: World) -> None:
    job = many(world, 3)
    hold(world, job=job)
    world.control(pause, job)
    world.turn()
    assert world.state(job) == "Paused"
    world.control(cancel, job)
    world.turn(2)
    assert world.state(job) == "Cancelled"


def test_a_hold_ends_by_itself_when_its_time_is_over(world: World) -> None:
    job = many(world, 1)
    drain_queue(world)
    hold(world, job=job)
    with world.engine.begin() as tx:
        tx.exec_driver_sql("update holds set until = clock_timestamp() - interval '1 second'")
    world.hub.judge()
    assert world.one("select released_by from holds").released_by == "hub"
    events = [row.event for row in world.all("select event from history order by seq")]
    assert events[-2:] == ["Held", "Released"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"job": 99}, "job"),
    ({"site": "rome"}, "site"),
    ({"workflow": "no"}, "workflow"),
]


def test_what_can_not_be_held(world: World) -> None:
    job = many(world, 1)
    for scope, place_ in WRONG:
        with pytest.raises(Invalid) as refused:
            hold(world, **scope)
        assert refused.value.faults[0].place == f"$.scope.{place_}"
    with pytest.raises(NotFound):
        let_go(world, 99)
    work_off(world, job)
    with pytest.raises(Conflict, match="has ended: Success"):
        hold(world, job=job)


def test_holds_that_are_no_event_of_a_job_are_audited(world: World) -> None:
    let_go(world, hold(world, site="london"))
    rows = world.all("select actor, action, subject, reason from audit order by id")
    assert [tuple(row)[:2] for row in rows] == [("tester", "hold.place"), ("tester", "hold.release")]


TWO = [{"name": "noop"}, {"name": "noop", "site": "paris"}]


def filled(world: World, batches: int, each: int, **workflow: Any) -> int:
    """A job over batches of so many paths each, its discovery closed."""
    world.define(TWO, **workflow)
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.london.claim(order)
    for sequence in range(1, batches + 1):
        paths = [b"/data/%d-%d" % (sequence, i) for i in range(each)]
        world.london.batch(order, sequence, paths, closed=sequence == batches)
    world.turn()
    return job


def fail_next(world: World, each: int, bad: int, message: str = "broken") -> None:
    """Run the next task at london; some of its paths fail."""
    parcel = world.london.parcel()
    world.london.start(parcel)
    order = parcel.tasks[0]
    given = list(indices(order.given, each))
    problems = [Problem(i, "failed", b"/data/%d" % i, message, "Bad") for i in given[:bad]]
    passed = bitmap(given[bad:], each)
    world.london.report(
        Ended(order.task, order.attempt, 0.1, len(given) - bad, failed=bad, passed=passed, problems=problems)
    )
    world.turn(2)


def held_by(world: World) -> list[tuple[str, bool]]:
    return [
        (row.kind, row.released)
        for row in world.all("select kind, released_at is not null as released from holds order by id")
    ]


def test_beyond_its_tolerance_a_job_is_held_and_the_count_begins_anew_when_it_is_released(world: World) -> None:
    job = filled(world, 40, 10, tolerance={"failed_count": 5})
    fail_next(world, 10, 5)
    assert held_by(world) == []
    fail_next(world, 10, 1)
    assert held_by(world) == [("tolerance", False)]
    assert world.state(job) == "Started"
    reason = world.one("select reason from holds").reason
    assert reason == "6 paths have failed, and its workflow tolerates 5"
    while world.london.waiting():  # what was handed out before: it fails, too, and makes no second hold
        fail_next(world, 10, 1)
    assert held_by(world) == [("tolerance", False)]
    assert world.london.waiting() == 0
    let_go(world, world.one("select id from holds").id)
    world.turn()
    fail_next(world, 10, 5)
    assert held_by(world) == [("tolerance", True)]
    fail_next(world, 10, 1)
    assert held_by(world) == [("tolerance", True), ("tolerance", False)]


def test_a_share_is_of_all_paths(world: World) -> None:
    filled(world, 10, 10, tolerance={"failed_percent": 5})
    fail_next(world, 10, 5)
    assert held_by(world) == []
    fail_next(world, 10, 1)
    assert held_by(world) == [("tolerance", False)]
    assert world.one("select reason from holds").reason == "6 of 100 paths have failed, and its workflow tolerates 5 %"


def test_a_job_of_which_nothing_is_left_fails_and_is_not_held(world: World) -> None:
    job = filled(world, 1, 10, tolerance={"failed_count": 1})
    fail_next(world, 10, 10)
    assert held_by(world) == []
    assert world.state(job) == "Failure"


def test_the_breaker_trips_on_failures_that_are_alike(world: World) -> None:
    filled(world, 12, 10, breaker={"failed_percent": 50, "window": 20})
    fail_next(world, 10, 6, "disk 1 is full")
    fail_next(world, 10, 4, "no such codec")
    assert held_by(world) == []
    fail_next(world, 10, 5, "disk 2 is full")
    assert held_by(world) == [("breaker", False)]
    assert "11 of the last 20 paths failed alike: Bad: disk 1 is full" in world.one("select reason from holds").reason
    let_go(world, world.one("select id from holds").id)
    assert world.one("select max(window_paths) as n from error_groups").n == 0


def test_failures_that_are_far_apart_do_not_trip_the_breaker(world: World) -> None:
    filled(world, 12, 10, breaker={"failed_percent": 50, "window": 20})
    for _ in range(6):
        fail_next(world, 10, 4)
        while world.paris.waiting():
            parcel = world.paris.parcel()
            world.paris.claim(parcel)
            passed = list(indices(parcel.tasks[0].given, 10))
            world.paris.finish(parcel, len(passed), processed=len(passed), passed=bitmap(passed, 10))
        world.turn(2)
    assert held_by(world) == []


def test_a_hold_ends_with_its_job(world: World) -> None:
    job = many(world, 3)
    hold(world, job=job)
    everywhere = hold(world, site="london")
    world.control(cancel, job)
    world.turn(2)
    assert world.state(job) == "Cancelled"
    assert held_by(world) == [("manual", True), ("manual", False)]
    assert (
        world.one("select release_reason from holds where id <> :id", id=everywhere).release_reason
        == "its job has ended"
    )
