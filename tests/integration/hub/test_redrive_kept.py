"""Redriving: what comes along, what a cancelled job and discovery left, and being interrupted."""

import pytest
from sqlalchemy import text

from orchestrator.contracts.batch import Trouble
from orchestrator.contracts.paths import Carry, PathList, bitmap, pack_carry, unpack, unpack_carry
from orchestrator.contracts.report import Ended, Problem
from orchestrator.services.control import cancel, pause, resume
from orchestrator.storage.queries.paths import list_paths
from tests.integration.hub.conftest import World
from tests.integration.hub.redrives import THREE, filled, paths_of, progress, redrive, run
from tests.integration.hub.test_control import drain_queue


def test_names_and_notes_come_along(world: World) -> None:
    job = filled(world, 2)
    parcel = world.london.parcel()
    world.london.claim(parcel)
    carry = pack_carry(Carry({1: b"/data/new"}, {1: {"digest": "abc"}}))
    world.london.finish(parcel, 2, processed=2, carry=carry)
    world.turn(2)
    run(world, bad={b"1/data/new"})
    redrive(world, job)
    world.turn()
    parcel = world.london.parcel()
    assert (parcel.step, paths_of(parcel)) == (1, [b"/data/new"])
    assert unpack_carry(parcel.tasks[0].carry).notes == {0: {"digest": "abc"}}
    world.london.claim(parcel)
    world.london.finish(parcel, 1)
    run(world)


def test_a_cancelled_job_goes_on_where_it_was(world: World) -> None:
    world.define(THREE)
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.london.claim(order)
    for sequence in (1, 2, 3):
        world.london.batch(order, sequence, [b"/data/%d/%d" % (sequence, i) for i in range(3)], cursor=b"%d" % sequence)
    world.turn()
    first, second, *others = drain_queue(world)
    assert others
    world.london.claim(first)
    world.london.finish(first, 3)
    world.london.start(second)
    world.turn()
    world.control(cancel, job)
    told = second.tasks[0]
    problem = Problem(0, "failed", b"/data/2/0", "as told", "Bad")
    world.london.report(
        Ended(told.task, told.attempt, 0.1, 1, 0, 1, passed=bitmap([1], 3), problems=[problem], stopped=True)
    )
    world.london.batch(order, 4, [b"/data/late"], cursor=b"4", stopped=True)
    world.turn(4)
    assert world.state(job) == "Cancelled"
    assert progress(world, job) == (9, 0, 1, 0, 8)
    with world.engine.begin() as tx:
        listed = list_paths(tx, job, 100).items
    assert len({item.path for item in listed}) == len(listed) == 9, "each path is told of once"
    new = redrive(world, job)
    world.turn(2)
    walk = world.london.walk()
    assert (walk.cursor, walk.sequence, walk.input) == (b"4", 0, order.input)
    world.london.claim(walk)
    world.london.batch(walk, 1, [b"/data/5/0"], closed=True)
    ran = run(world)
    first_steps: dict[bytes, int] = {}
    for step, path in ran:
        first_steps[path] = min(step, first_steps.get(path, 9))
    assert first_steps == {
        b"/data/1/0": 1, b"/data/1/1": 1, b"/data/1/2": 1,
        b"/data/2/0": 0, b"/data/2/1": 1, b"/data/2/2": 0,
        b"/data/3/0": 0, b"/data/3/1": 0, b"/data/3/2": 0, b"/data/5/0": 0,
    }  # fmt: skip
    assert len(ran) == len(set(ran))
    assert world.state(new) == "Success"
    assert progress(world, new) == (10, 10, 0, 0, 0)


def test_what_discovery_could_not_handle_is_walked_again(world: World) -> None:
    world.define(THREE)
    job = world.submit(["/data", "/more"])
    world.turn()
    walks = [world.london.walk() for _ in range(world.london.waiting("discovery"))]
    for number, walk in enumerate(walks):
        world.london.claim(walk)
        start = unpack(walk.input).paths[0]
        troubles = [Trouble(start + b"/closed", "not allowed", "PermissionError")] if not number else []
        broken = "it is away" if number else None
        world.london.batch(walk, 1, troubles=troubles, closed=not number, broken=broken, cursor=b"c")
    world.turn(2)
    assert world.state(job) == "Failure"
    new = redrive(world, job, include=["Error"])
    world.turn(2)
    [walk] = [world.london.walk() for _ in range(world.london.waiting("discovery"))]
    start = unpack(walk.input)
    assert (start.paths, start.base) == ([b"/data/closed"], b"/data")
    world.london.claim(walk)
    world.london.batch(walk, 1, [b"/data/closed/a"], closed=True)
    assert {path for _, path in run(world)} == {b"/data/closed/a"}
    assert world.state(new) == "Success"
    last = redrive(world, job)
    world.turn(2)
    walk = world.london.walk()
    assert (walk.cursor, unpack(walk.input)) == (b"c", PathList([b"/more"]))
    world.london.claim(walk)
    world.london.batch(walk, 1, closed=True)
    run(world)
    assert world.state(last) == "Success"


def test_many_are_taken_over_in_chunks_and_paused_between_two(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.services.left.TASKS_AT_ONCE", 2)
    job = filled(world, 2, 2, 2, 2, 2, batch_size=3)
    run(world, bad={b"0/data/%d/1" % n for n in range(1, 6)}, broken={b"1/data/5/0"})
    new = redrive(world, job)
    world.turn()
    assert world.one("select total from progress where job_id = :job", job=new).total == 2
    world.control(pause, new)
    world.turn(2)
    assert world.state(new) == "Paused"
    assert world.one("select state from discoveries where job_id = :job", job=new).state == "Stopped"
    world.control(resume, new)
    ran = run(world)
    assert [path for step, path in ran if step == 0] == [b"/data/%d/1" % n for n in range(1, 6)]
    assert world.state(new) == "Success"
    sizes = [
        row.n
        for row in world.all(
            "select n from batches where job_id = :job and id in (select id >> 6 from tasks where id & 63 = 0)", job=new
        )
    ]
    assert sum(sizes) == 5


def test_a_redrive_that_is_cancelled_leaves_the_rest_to_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.services.left.TASKS_AT_ONCE", 1)
    job = filled(world, 1, 1, 1)
    run(world, broken={b"0/data/%d/0" % n for n in range(1, 4)})
    new = redrive(world, job)
    world.turn()
    world.control(cancel, new)
    world.turn(3)
    assert world.state(new) == "Cancelled"
    last = redrive(world, job)
    assert {path for _, path in run(world)} == {b"/data/%d/0" % n for n in range(1, 4)}
    assert world.state(last) == "Success"
    with world.engine.begin() as tx:
        assert (
            tx.execute(
                text("select count(*) from tasks where job_id = :job and redriven_by is null and state = 'Failure'"),
                {"job": job},
            ).scalar()
            == 0
        )
