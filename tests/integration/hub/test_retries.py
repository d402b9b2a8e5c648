"""What fails is tried again as the policy says: the whole attempt, or only the paths that failed."""

import json

from orchestrator.contracts.paths import bitmap, indices, unpack
from orchestrator.contracts.report import Ended, Problem, TaskError
from tests.integration.hub.conftest import World


def set_policy(world: World, **policy: object) -> None:
    with world.engine.begin() as tx:
        kept = json.dumps({"retries": {"max": 2, "backoff": "fixed", "base_s": 0.0, "jitter": 0.0} | policy})
        tx.exec_driver_sql("update job_steps set options = %s::jsonb", (kept,))


def test_an_attempt_that_failed_is_tried_again_and_fails_for_good_at_the_cap(world: World) -> None:
    world.define([{"name": "noop"}])
    job = world.submit()
    set_policy(world, error_classes=["OSError"])
    world.turn()
    order = world.london.walk()
    world.london.claim(order)
    world.london.batch(order, 1, [b"/data/a"], closed=True)
    world.turn()
    for attempt in (1, 2, 3):
        parcel = world.london.parcel()
        assert parcel.tasks[0].attempt == attempt
        world.london.start(parcel)
        world.london.report(Ended(parcel.tasks[0].task, attempt, 0.1, error=TaskError("OSError", "away")))
        world.turn(2)
    assert world.one("select state, tries from tasks") == ("Failure", 2)
    assert world.state(job) == "Failure"


def test_only_the_failed_paths_are_tried_again(world: World) -> None:
    world.define([{"name": "noop"}])
    job = world.submit()
    set_policy(world, failed_paths=True)
    world.turn()
    order = world.london.walk()
    world.london.claim(order)
    world.london.batch(order, 1, [b"/data/%d" % i for i in range(4)], closed=True)
    world.turn()
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
