"""The way of a job through the hub: discovery, chains, ends, and how each outcome goes on down the chain."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text

from orchestrator.contracts.batch import Shed, Trouble
from orchestrator.contracts.paths import PathList, bitmap, indices, pack, unpack
from orchestrator.contracts.report import Ended, Problem, Returned, Started, TaskError
from tests.integration.hub.conftest import World

TWO_STEPS = [{"name": "fs.checksum"}, {"name": "noop", "site": "paris"}]


def begun(world: World, *chains: Sequence[dict[str, Any]], paths: int = 3) -> int:
    """A job with one batch, closed, whose first task is with london."""
    world.define(*(chains or (TWO_STEPS,)))
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.london.batch(order, 1, [b"/data/%d" % i for i in range(paths)], closed=True)
    world.turn()
    return job


def test_a_job_comes_through(world: World) -> None:
    world.define(TWO_STEPS)
    job = world.submit()
    assert world.state(job) == "Pending"
    world.turn()
    order = world.london.walk()
    assert (order.job, order.method, order.attempt, order.sequence) == (job, "recursive", 1, 0)
    assert unpack(order.input).paths == [b"/data"]
    world.london.batch(order, 0)
    world.turn()
    assert world.one("select state from discoveries").state == "Running"
    world.london.batch(order, 1, [b"/data/a", b"/data/\xff"], cursor=b"\xff")
    world.turn()
    assert world.tasks(job) == [(0, "Pending"), (1, "Pending")]
    parcel = world.london.parcel()
    assert (parcel.action, parcel.step, parcel.site) == ("fs.checksum", 0, "london")
    assert unpack(parcel.tasks[0].paths).paths == [b"/data/a", b"/data/\xff"]
    world.london.report(Started(parcel.tasks[0].task, parcel.tasks[0].attempt, 1.0))
    world.turn()
    assert world.state(job) == "Started"
    world.london.finish(parcel, 2)
    world.london.batch(order, 2, closed=True)
    world.turn()
    assert world.state(job) == "Started"
    second = world.paris.parcel()
    assert (second.action, second.step, second.site) == ("noop", 1, "paris")
    world.paris.finish(second, 2)
    world.turn()
    assert world.state(job) == "Success"
    row = world.one("select * from progress")
    assert (row.total, row.processed, row.failed, row.open_tasks, row.out) == (2, 2, 0, 0, 0)
    events = [row.event for row in world.all("select event from history order by seq")]
    assert events == ["Submitted", "TaskStarted", "AllSucceeded"]
    assert world.london.waiting() == world.paris.waiting() == 0


def test_an_empty_tree_is_a_success(world: World) -> None:
    world.define(TWO_STEPS)
    job = world.submit()
    world.turn()
    world.london.batch(world.london.walk(), 1, closed=True)
    world.turn()
    assert world.state(job) == "Success"


def test_the_second_step_is_given_exactly_the_others(world: World) -> None:
    job = begun(world, paths=5)
    parcel = world.london.parcel()
    problems = [
        Problem(1, "failed", b"/data/1", "no", "Bad"),
        Problem(2, "aborted", b"/data/2", "gone", "Gone"),
        Problem(3, "skipped", b"/data/3", "known"),
    ]
    world.london.finish(
        parcel, 5, processed=2, failed=1, aborted=1, skipped=1, passed=bitmap([0, 4], 5), problems=problems
    )
    world.turn()
    assert world.tasks(job) == [(0, "Error"), (1, "Pending")]
    second = world.paris.parcel()
    assert list(indices(second.tasks[0].given, 5)) == [0, 4]
    world.paris.finish(second, 2)
    world.turn()
    assert world.state(job) == "Failure"
    row = world.one("select * from progress")
    assert (row.total, row.processed, row.skipped, row.failed, row.aborted) == (5, 2, 1, 1, 1)
    groups = world.all("select error_class, paths, examples from error_groups order by error_class")
    assert [(g.error_class, g.paths, [bytes(p) for p in g.examples]) for g in groups] == [
        ("Bad", 1, [b"/data/1"]),
        ("Gone", 1, [b"/data/2"]),
    ]


def test_a_failure_cancels_the_rest_of_its_chain_only(world: World) -> None:
    world.define(TWO_STEPS)
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.london.batch(order, 1, [b"/data/a"])
    world.london.batch(order, 2, [b"/data/b"], closed=True)
    world.turn()
    first, other = world.london.parcel(), world.london.parcel()
    world.london.finish(first, 1, error=TaskError("TypeError", "boom", "trace"))
    world.london.finish(other, 1)
    world.turn()
    assert world.tasks(job) == [(0, "Failure"), (1, "Cancelled"), (0, "Success"), (1, "Pending")]
    world.paris.finish(world.paris.parcel(), 1)
    world.turn()
    assert world.state(job) == "Failure"
    row = world.one("select * from progress")
    assert (row.total, row.processed, row.failed) == (2, 1, 1)


@pytest.mark.parametrize("outcome", ["skipped", "failed"])
def test_nothing_left_skips_the_rest(world: World, outcome: str) -> None:
    job = begun(world, [*TWO_STEPS, {"name": "noop"}], paths=2)
    problems = [Problem(i, outcome, b"/data/%d" % i, "no") for i in range(2)]
    world.london.finish(world.london.parcel(), 2, **{outcome: 2}, passed=b"\0", problems=problems)
    world.turn()
    first = "Success" if outcome == "skipped" else "Error"
    assert world.tasks(job) == [(0, first), (1, "Skipped"), (2, "Skipped")]
    assert world.state(job) == ("Success" if outcome == "skipped" else "Failure")


def test_what_does_not_add_up_is_a_failure(world: World) -> None:
    job = begun(world, paths=3)
    world.london.finish(world.london.parcel(), 3, processed=2)
    world.turn()
    assert world.tasks(job) == [(0, "Failure"), (1, "Cancelled")]
    assert "does not add up" in world.one("select error from tasks where error is not null").error["message"]


def test_repeated_and_outdated_reports_change_nothing(world: World) -> None:
    job = begun(world, paths=1)
    parcel = world.london.parcel()
    task, attempt = parcel.tasks[0].task, parcel.tasks[0].attempt
    world.london.report(Ended(task, attempt - 1, 0.1, processed=1))
    world.paris.report(Ended(task, attempt, 0.1, processed=1))
    world.turn()
    assert world.tasks(job) == [(0, "Pending"), (1, "Pending")]
    for _ in range(3):
        world.london.finish(parcel, 1)
    world.turn()
    world.london.finish(parcel, 1)
    world.turn()
    assert world.tasks(job) == [(0, "Success"), (1, "Pending")]
    assert world.one("select count(*) as n from stale_reports").n == 8
    assert world.one("select processed + failed as n from progress").n == 0


def test_a_returned_task_is_handed_out_again_and_the_old_attempt_is_fenced(world: World) -> None:
    job = begun(world, paths=1)
    first = world.london.parcel()
    world.london.report(Returned(first.tasks[0].task, first.tasks[0].attempt, "draining"))
    world.turn()
    again = world.london.parcel()
    assert again.tasks[0].attempt == first.tasks[0].attempt + 1
    world.london.finish(first, 1, error=TaskError("Zombie", "late"))
    world.london.finish(again, 1)
    world.turn()
    assert world.tasks(job) == [(0, "Success"), (1, "Pending")]


def test_discovery_that_breaks_still_has_its_finds_worked_on(world: World) -> None:
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.london.batch(order, 1, [b"/data/a"])
    world.london.batch(order, 2, broken="PermissionError: /data")
    world.turn()
    world.london.finish(world.london.parcel(), 1)
    world.turn()
    row = world.one("select state, reason from jobs where id = :job", job=job)
    assert (row.state, row.reason) == ("Failure", "discovery: PermissionError: /data")


def test_troubles_of_discovery_count_as_failed_paths(world: World) -> None:
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    world.london.batch(
        world.london.walk(), 1, troubles=[Trouble(b"/data/x", "denied", "PermissionError")], unmatched=7, closed=True
    )
    world.turn()
    row = world.one("select * from progress")
    assert (world.state(job), row.total, row.failed, row.troubles, row.unmatched) == ("Success", 1, 1, 1, 7)
    assert bytes(world.one("select path from outcomes").path) == b"/data/x"


def test_shed_subtrees_become_walks_of_their_own(world: World) -> None:
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.london.batch(
        order, 1, [b"/data/a"], shed=[Shed(pack(PathList([b"/data/x"]))), Shed(pack(PathList([b"/data/y"])))]
    )
    world.turn()
    others = [world.london.walk()]
    assert unpack(others[0].input).paths == [b"/data/x"]
    world.london.batch(order, 2, closed=True)
    world.turn()
    others.append(world.london.walk())
    assert [other.subtree for other in others] == [1, 2]
    for other in others:
        world.london.batch(other, 1, closed=True)
    world.london.finish(world.london.parcel(), 1)
    world.turn()
    assert world.state(job) == "Success"


def test_given_paths_and_two_rules(world: World) -> None:
    world.define([{"name": "noop"}], [{"name": "fs.checksum"}, {"name": "noop"}], discovery=None)
    job = world.submit(["/a.0", "/b.1"])
    world.turn()
    order = world.london.walk()
    assert order.method == "given"
    world.london.batch(order, 1, [b"/a.0"], [b"/b.1"], closed=True)
    world.turn()
    assert world.tasks(job) == [(0, "Pending"), (0, "Pending"), (1, "Pending")]
    for _ in range(2):
        world.london.finish(world.london.parcel(), 1)
    world.turn()
    world.london.finish(world.london.parcel(), 1)
    world.turn()
    assert world.state(job) == "Success"


def test_a_step_that_changes_the_walked_tree_waits_for_the_end_of_discovery(world: World) -> None:
    world.define(TWO_STEPS)
    job = world.submit()
    with world.engine.begin() as tx:
        tx.execute(text("update job_steps set waits = true where step = 1"))
    world.turn()
    order = world.london.walk()
    world.london.batch(order, 1, [b"/data/a"])
    world.turn()
    world.london.finish(world.london.parcel(), 1)
    world.turn(2)
    assert world.paris.waiting() == 0
    world.london.batch(order, 2, [b"/data/b"], closed=True)
    world.turn(2)
    world.london.finish(world.london.parcel(), 1)
    world.turn(2)
    for _ in range(2):
        world.paris.finish(world.paris.parcel(), 1)
    world.turn()
    assert world.state(job) == "Success"


def test_a_walk_that_stopped_goes_on_from_its_cursor(world: World) -> None:
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    first = world.london.walk()
    world.london.batch(first, 1, [b"/data/a"], cursor=b"here")
    world.london.batch(first, 2, [b"/data/b"], cursor=b"there", stopped=True)
    world.turn(2)
    second = world.london.walk()
    assert (second.attempt, second.cursor, second.sequence) == (2, b"there", 2)
    world.london.batch(first, 3, [b"/data/twice"])
    world.london.batch(second, 3, [b"/data/c"], closed=True)
    world.turn()
    assert len(world.tasks(job)) == 3
    assert world.one("select state from discoveries").state == "Closed"


def test_two_walkers_under_one_attempt_do_not_mix(world: World) -> None:
    """They cut their batches differently: the first that is heard of is the one."""
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.london.batch(order, 1, [b"/data/a"])
    world.london.node = "twin"
    world.london.batch(order, 2, [b"/data/a", b"/data/b"])
    world.london.node = "node"
    world.london.batch(order, 2, [b"/data/b"], closed=True)
    world.turn()
    assert world.one("select total from progress").total == 2
    assert len(world.tasks(job)) == 2
