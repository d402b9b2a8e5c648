"""What fails is tried again as the policy says: the whole attempt, or only the paths that failed."""

from typing import Any

import pytest

from orchestrator.contracts.parcel import Parcel
from orchestrator.contracts.paths import bitmap, indices, unpack
from orchestrator.contracts.report import Died, Ended, Problem, TaskError
from orchestrator.services import ready
from orchestrator.services.control import cancel
from orchestrator.storage.queries.why import why_job
from tests.integration.hub.conftest import World

POLICY = {"max": 2, "backoff": "fixed", "base": 0, "jitter": 0}


def begun(world: World, paths: int, job: int | None = None, **action: Any) -> int:
    """A job of one task over so many paths, which stands in london's queue."""
    world.define([{"name": "noop", **action}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.london.claim(order)
    world.london.batch(order, 1, [b"/data/%d" % i for i in range(paths)], closed=True)
    world.turn()
    return job


def taken(world: World) -> tuple[Parcel, list[int]]:
    """The next parcel, claimed, and which of the batch's paths it is to handle."""
    parcel = world.london.parcel()
    world.london.start(parcel)
    n = len(unpack(parcel.tasks[0].paths))
    return parcel, list(indices(parcel.tasks[0].given, n))


def test_an_attempt_that_failed_is_tried_again_and_fails_for_good_at_the_cap(world: World) -> None:
    job = begun(world, 1, retries=POLICY | {"error_classes": ["OSError"]})
    for attempt in (1, 2, 3):
        parcel = world.london.parcel()
        assert parcel.tasks[0].attempt == attempt
        world.london.start(parcel)
        world.london.report(Ended(parcel.tasks[0].task, attempt, 0.1, error=TaskError("OSError", "away")))
        world.turn(2)
    assert world.one("select state, tries from tasks") == ("Failure", 2)
    assert world.state(job) == "Failure"


def test_only_the_failed_paths_are_tried_again(world: World) -> None:
    job = begun(world, 4, retries=POLICY)
    first = world.london.parcel()
    world.london.claim(first)
    problems = [Problem(1, "failed", b"/data/1", "busy"), Problem(3, "aborted", b"/data/3", "gone")]
    world.london.finish(first, 4, processed=2, failed=1, aborted=1, passed=bitmap([0, 2], 4), problems=problems)
    world.turn(2)
    assert world.one("select state, processed, failed, aborted, tries from tasks") == ("Pending", 2, 0, 1, 1)
    second = world.london.parcel()
    assert list(indices(second.tasks[0].given, 4)) == [1]
    assert unpack(second.tasks[0].paths).paths[1] == b"/data/1"
    world.london.claim(second)
    world.london.finish(second, 1, processed=1, passed=bitmap([1], 4))
    world.turn(2)
    assert world.one("select state, processed, failed, aborted from tasks") == ("Error", 3, 0, 1)
    assert world.one("select processed, failed, aborted from progress") == (3, 0, 1)
    assert world.state(job) == "Failure"


def test_failed_paths_are_left_alone_where_the_policy_says_so(world: World) -> None:
    job = begun(world, 2, retries=POLICY | {"failed_paths": False})
    parcel, _ = taken(world)
    problem = Problem(1, "failed", b"/data/1", "busy")
    world.london.report(Ended(parcel.tasks[0].task, 1, 0.1, 1, 0, 1, passed=bitmap([0], 2), problems=[problem]))
    world.turn(2)
    assert world.one("select state, tries from tasks") == ("Error", 0)
    assert world.state(job) == "Failure"


def test_a_retry_waits_for_its_time_and_no_other_task_waits_for_it(world: World) -> None:
    begun(world, 1, retries={"max": 1, "base": "1h"})
    parcel, _ = taken(world)
    world.london.report(Ended(parcel.tasks[0].task, 1, 0.1, error=TaskError("OSError", "away")))
    world.turn(3)
    assert world.london.waiting() == 0
    row = world.one("select extract(epoch from run_after - clock_timestamp())::float8 as s from later")
    assert 3500 < row.s <= 1.1 * 3600
    with world.engine.begin() as tx:
        tx.exec_driver_sql("update later set run_after = clock_timestamp()")
    world.turn()
    assert taken(world)[0].tasks[0].attempt == 2


def test_what_becomes_due_together_is_ready_some_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "CHUNK", 2)
    world.define([{"name": "noop", "retries": {"max": 1, "base": "1h"}}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.london.claim(order)
    for sequence in range(1, 4):
        world.london.batch(order, sequence, [b"/data/%d" % sequence], closed=sequence == 3)
    world.turn()
    for _ in range(3):
        parcel, _ = taken(world)
        world.london.report(Ended(parcel.tasks[0].task, 1, 0.1, error=TaskError("OSError", "away")))
    world.turn(2)
    with world.engine.begin() as tx:
        assert "retry" in {cause.cause for cause in why_job(tx, job).items}
        tx.exec_driver_sql("update later set run_after = clock_timestamp()")
    world.turn()
    assert world.hub._more
    assert (world.london.waiting(), len(world.all("select from later"))) == (2, 1)
    world.turn()
    assert not world.hub._more
    assert (world.london.waiting(), len(world.all("select from later"))) == (3, 0)


LATE = TaskError("TimeoutError", "took longer than 1 s")


def late(parcel: Parcel, *done: int, at: int = -1, n: int = 5) -> Ended:
    """The time limit ended a task that had processed these."""
    order = parcel.tasks[0]
    passed = bitmap(done, n)
    return Ended(order.task, order.attempt, 1.0, len(done), passed=passed, error=LATE, late=True, at=at)


def test_a_path_that_takes_all_the_time_of_its_task_fails_alone(world: World) -> None:
    job = begun(world, 5)
    parcel, given = taken(world)
    assert given == [0, 1, 2, 3, 4]
    world.london.report(late(parcel, 0, 1, at=2))
    world.turn(2)
    parcel, given = taken(world)
    assert given == [2, 3, 4], "what is done is done; being at a path when the time is over proves nothing"
    world.london.report(late(parcel, at=2))
    world.turn(2)
    parcel, given = taken(world)
    assert given == [3, 4]
    world.london.report(Ended(parcel.tasks[0].task, 3, 0.1, 2, passed=bitmap(given, 5)))
    world.turn(2)
    row = world.one("select state, processed, failed, tries, crashes from tasks")
    assert row == ("Error", 4, 1, 0, 0)
    failed = world.one("select path, error_class, message from outcomes")
    assert (bytes(failed.path), failed.error_class, failed.message) == (b"/data/2", "TimeoutError", LATE.message)
    assert world.state(job) == "Failure"


def test_a_handler_that_says_nothing_of_its_paths_is_tried_by_halves(world: World) -> None:
    begun(world, 5)
    tried: list[list[int]] = []
    while world.one("select count(*) as n from tasks where ended_at is null").n:
        parcel, given = taken(world)
        tried.append(given)
        order = parcel.tasks[0]
        if 3 in given:
            world.london.report(late(parcel))
        else:
            world.london.report(Ended(order.task, order.attempt, 0.1, len(given), passed=bitmap(given, 5)))
        world.turn(2)
    assert tried == [[0, 1, 2, 3, 4], [0, 1, 2], [3], [4]]
    assert world.one("select state, processed, failed from tasks") == ("Error", 4, 1)


def test_one_path_that_takes_too_long_is_a_failure_and_a_policy_tries_it_again(world: World) -> None:
    job = begun(world, 1, retries=POLICY)
    for _ in range(3):
        parcel, _ = taken(world)
        world.london.report(late(parcel, at=0, n=1))
        world.turn(2)
    assert world.one("select state, tries, error ->> 'message' as said from tasks") == ("Failure", 2, LATE.message)
    assert world.state(job) == "Failure"


def test_a_path_whose_process_was_killed_for_its_time_is_not_tried_three_times(world: World) -> None:
    begun(world, 2)
    killed = TaskError("TimeoutError", "took longer than 11 s and was killed")
    for expected in ([0, 1], [0]):
        parcel, given = taken(world)
        assert given == expected
        world.london.report(Died(parcel.tasks[0].task, parcel.tasks[0].attempt, killed.message, killed))
        world.turn(2)
    parcel, given = taken(world)
    assert given == [1]
    world.london.report(Ended(parcel.tasks[0].task, parcel.tasks[0].attempt, 0.1, 1, passed=bitmap([1], 2)))
    world.turn(2)
    assert world.one("select state, processed, failed, crashes from tasks") == ("Error", 1, 1, 2)
    assert world.one("select message from outcomes").message == killed.message


@pytest.mark.parametrize("said", [{"at": 7}, {"processed": 3}, {"problems": [Problem(9, "failed", b"x")], "failed": 1}])
def test_a_late_report_that_does_not_add_up_changes_no_more_than_it_may(world: World, said: dict[str, Any]) -> None:
    begun(world, 5)
    parcel, _ = taken(world)
    world.london.report(Ended(parcel.tasks[0].task, 1, 1.0, passed=b"\0", error=LATE, late=True, **said))
    world.turn(2)
    row = world.one("select state, processed + skipped + failed + aborted as told, given from tasks")
    assert (row.state, row.told) in {("Pending", 0), ("Failure", 5)}


def test_what_was_done_before_a_retry_is_kept_when_the_job_is_cancelled(world: World) -> None:
    job = begun(world, 4, retries=POLICY | {"base": "1h"})
    parcel, _ = taken(world)
    problem = Problem(3, "failed", b"/data/3", "busy")
    world.london.report(Ended(parcel.tasks[0].task, 1, 0.1, 3, 0, 1, passed=bitmap([0, 1, 2], 4), problems=[problem]))
    world.turn(2)
    world.control(cancel, job)
    world.turn(3)
    assert world.state(job) == "Cancelled"
    assert world.one("select total, processed, cancelled from progress") == (4, 3, 1)
    assert not world.all("select from later")
