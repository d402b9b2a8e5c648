"""Every check of the invariants finds what it is there to find, and nothing in a history that was right."""

import pytest
from sqlalchemy import Connection, text

from orchestrator.contracts.paths import bitmap
from orchestrator.contracts.report import Died, Problem
from orchestrator.services import dequeue
from orchestrator.services.control import cancel
from orchestrator.storage.queries.invariants import CHECKS, PROMISES, choose, violations
from orchestrator.storage.queries.snapshot import snapshot
from tests.integration.hub.breaks import BREAKS
from tests.integration.hub.conftest import World
from tests.integration.hub.test_control import work_off
from tests.integration.hub.test_main_way import TWO_STEPS


@pytest.fixture
def jobs(world: World) -> dict[str, int]:
    """One that has ended, with a failed path; one of which a task is done in parts, others run, wait and are ready."""
    world.define(TWO_STEPS)
    ended = world.submit()
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    world.london.batch(order, 1, [b"/data/1", b"/data/2"])
    world.london.batch(order, 2, [b"/data/3"], closed=True)
    world.turn()
    first = world.london.parcel()
    assert world.london.claim(first)
    problem = Problem(1, "failed", b"/data/2", "bad")
    world.london.finish(first, 2, processed=1, failed=1, passed=bitmap([0], 2), problems=[problem])
    work_off(world, ended)
    running = world.submit()
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    for sequence in range(1, 9):
        world.london.batch(order, sequence, [b"/data/%d" % place for place in range(5)])
    world.turn(2)
    poisoned, other = world.london.parcel(), world.london.parcel()
    world.london.start(other)
    world.london.start(poisoned)
    world.london.report(Died(poisoned.tasks[0].task, 1, "signal 9"))
    world.turn(3)
    half = world.london.parcel()
    while half.tasks[0].task != poisoned.tasks[0].task:
        half = world.london.parcel()
    world.london.start(half)
    world.london.finish(half, 3)
    world.turn(3)
    return {"ended": ended, "running": running}


def found(tx: Connection, *, settled: bool = False) -> set[str]:
    return {one.what for one in violations(tx, settled)}


def test_each_check_finds_what_breaks_it(world: World, jobs: dict[str, int]) -> None:
    with world.engine.connect() as tx:
        assert found(tx) == set()
        tx.rollback()
        for what, breaks in BREAKS.items():
            for statements in breaks:
                for statement in statements:
                    tx.execute(text(statement), jobs)
                assert what in found(tx, settled=True), statements
                tx.rollback()


def test_every_check_is_broken_here_and_belongs_to_a_promise() -> None:
    assert set(BREAKS) == {check.what for check in CHECKS}
    assert [promise.id for promise in PROMISES] == [f"I{number}" for number in range(1, 19)]
    assert {check.invariant for check in CHECKS} <= {promise.id for promise in PROMISES}


@pytest.mark.parametrize(
    "held",
    [
        "update jobs set state = 'Paused' where id = :running",
        "update jobs set not_before = now() + interval '1 h' where id = :running",
        "insert into holds (job_id, reason, author) values (:running, 'a look at it', 'me')",
        "insert into holds (site, reason, author) values ('london', 'moving', 'me')",
    ],
)
def test_what_is_held_need_not_end(held: str, world: World, jobs: dict[str, int]) -> None:
    what = "every job that nobody holds has ended"
    with world.engine.connect() as tx:
        assert what in found(tx, settled=True)
        tx.execute(text(held), jobs)
        assert what not in found(tx, settled=True)
        tx.rollback()


def test_the_large_is_left_out_and_said_to_be(world: World, jobs: dict[str, int]) -> None:
    with snapshot(world.engine) as tx:
        everything = choose(tx)
        assert (set(everything.jobs), everything.tasks, everything.left_out) == (set(jobs.values()), 20, 0)
        some = choose(tx, most_tasks=4)
        assert (list(some.jobs), some.tasks, some.left_out) == ([jobs["ended"]], 4, 1)
        assert choose(tx, most_ended=0).jobs == [jobs["running"]]
        assert violations(tx, jobs=[jobs["ended"]], settled=True) == []


def test_a_job_that_is_being_emptied_is_well_at_every_moment(
    world: World, jobs: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain may be cut by the end of a chunk: then its later tasks wait for the next."""
    monkeypatch.setattr(dequeue, "CHUNK", 1)
    world.control(cancel, jobs["running"], grace_s=0.0)
    cut, more = 0, True
    while more:
        with world.engine.begin() as tx:
            more = dequeue.dequeue(tx)
        world.all_holds()
        cut += world.one(
            "select count(*) as n from tasks t join tasks p on p.id = t.id - 1"
            " where t.state = 'Pending' and p.state = 'Cancelled'"
        ).n
        with world.engine.begin() as tx:
            tx.execute(text("update jobs set dequeue_by = now() where id = :running"), jobs)
        world.hub.judge()
    world.turn(2)
    assert world.state(jobs["running"]) == "Cancelled"
    assert cut > 0


def test_the_paths_of_a_task_done_in_parts_are_counted_when_it_is_cancelled(world: World, jobs: dict[str, int]) -> None:
    world.control(cancel, jobs["running"], grace_s=0.0)
    with world.engine.begin() as tx:
        tx.execute(text("update jobs set dequeue_by = now() where id = :running"), jobs)
    world.hub.judge()
    world.turn(3)
    assert world.state(jobs["running"]) == "Cancelled"
    said = world.one("select total, processed, cancelled from progress where job_id = :running", **jobs)
    assert tuple(said) == (40, 0, 40)
