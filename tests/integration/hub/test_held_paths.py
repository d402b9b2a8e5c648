"""Holds of path prefixes: a batch below one waits whole, aside; everything else goes on, and costs what it did."""

from typing import Any

import pytest

from orchestrator.services.control import cancel, pause, resume
from orchestrator.services.turn import hand_out
from orchestrator.storage.queries.holds import list_holds
from orchestrator.storage.queries.jobs import read_job
from orchestrator.storage.queries.why import why_job, why_task
from tests.integration.hub.conftest import World
from tests.integration.hub.test_control import work_off
from tests.integration.hub.test_holds import hold, let_go


def filled(world: World, *batches: list[bytes], **more: Any) -> int:
    """A job of one step, over these batches, discovery closed."""
    world.define([{"name": "noop"}])
    job = world.submit(**more)
    world.turn()
    order = world.london.walk()
    world.london.claim(order)
    for sequence, paths in enumerate(batches, 1):
        world.london.batch(order, sequence, paths, closed=sequence == len(batches))
    return job


def kept(world: World) -> int:
    return world.one("select count(*) as n from held_tasks").n


def drain(world: World) -> int:
    """Do whatever is handed out; how many tasks."""
    done = 0
    world.turn(2)
    while world.london.waiting():
        parcel = world.london.parcel()
        assert world.london.claim(parcel)
        [order] = parcel.tasks
        world.london.finish(parcel, world.one("select given from tasks where id = :id", id=order.task).given)
        done += 1
        world.turn(2)
    return done


def test_a_batch_that_has_a_held_path_waits_whole_and_the_others_go_on(world: World) -> None:
    id = hold(world, path_prefix="/data/a")
    job = filled(world, [b"/data/b/1", b"/data/ab"], [b"/data/b/2", b"/data/a/1"], [b"/data/a"], [b"/other"])
    assert drain(world) == 2
    assert kept(world) == 2
    assert world.tasks(job) == [(0, "Success"), (0, "Pending"), (0, "Pending"), (0, "Success")]
    with world.engine.begin() as tx:
        assert [one.scope for one in read_job(tx, job).holds] == [{"path_prefix": "/data/a"}]
        [cause] = [one for one in why_job(tx, job).items if one.cause == "held"]
        assert "path_prefix /data/a is held by tester" in cause.detail
        assert cause.frees == f"orchestrator hold release {id}"
        tasks = [row.id for row in world.all("select id from tasks order by id")]
        assert [one.cause for one in why_task(tx, tasks[1]).items] == ["held"]
    let_go(world, id)
    world.hub.judge()
    assert kept(world) == 0
    assert drain(world) == 2
    assert world.state(job) == "Success"
    assert not world.one("select keeps from holds").keeps


def test_what_waits_already_is_held_too_and_other_jobs_are_not(world: World) -> None:
    job = filled(world, *([b"/data/a/%d" % i] for i in range(200)))
    world.turn(2)
    before = world.one("select count(*) as n from ready").n
    assert before > 100
    hold(world, path_prefix="/data/a/", owner="tester", site="london")
    hold(world, path_prefix="/data/b", owner="tester")
    hold(world, path_prefix="/data/a/", owner="somebody")
    assert drain(world) == 200 - before, "what was handed out before goes on"
    assert kept(world) == before
    assert world.one("select count(*) as n from ready").n == 0
    assert world.state(job) == "Started"
    world.control(cancel, job)
    world.turn(3)
    assert world.state(job) == "Cancelled"
    assert kept(world) == 0


def test_holds_stack(world: World) -> None:
    outer, inner = hold(world, path_prefix="/data"), hold(world, path_prefix="/data/a/1")
    job = filled(world, [b"/data/a/1"], [b"/data/a/2"])
    assert drain(world) == 0
    let_go(world, outer)
    world.hub.judge()
    assert drain(world) == 1
    assert kept(world) == 1
    let_go(world, inner)
    world.hub.judge()
    assert drain(world) == 1
    assert world.state(job) == "Success"


def test_the_time_of_a_hold_is_over(world: World) -> None:
    job = filled(world, [b"/data/a/1"])
    hold(world, path_prefix="/data/a")
    world.turn(2)
    assert kept(world) == 1
    with world.engine.begin() as tx:
        tx.exec_driver_sql("update holds set until = clock_timestamp() - interval '1 second'")
    world.hub.judge()
    work_off(world, job)
    assert world.state(job) == "Success"


def test_what_is_kept_back_stays_so_over_a_pause(world: World) -> None:
    id = hold(world, path_prefix="/data/a")
    job = filled(world, [b"/data/a/1"])
    world.turn(2)
    world.control(pause, job)
    world.turn()
    assert (world.state(job), kept(world)) == ("Paused", 1)
    let_go(world, id)
    world.hub.judge()
    world.turn(2)
    assert world.london.waiting() == 0
    world.control(resume, job)
    work_off(world, job)
    assert world.state(job) == "Success"


def test_a_prefix_that_is_no_text(world: World) -> None:
    hold(world, path_prefix_b64="L2RhdGEv/w==")
    filled(world, [b"/data/\xff/1"], [b"/data/x"])
    assert drain(world) == 1
    with world.engine.begin() as tx:
        [one] = list_holds(tx, 10).items
    assert one.scope == {"path_prefix": "/data/\N{REPLACEMENT CHARACTER}", "path_prefix_b64": "L2RhdGEv/w=="}


@pytest.mark.parametrize("scope", [{"site": "london"}, {"path_prefix": "/data"}])
def test_a_turn_costs_the_same_whatever_is_held(world: World, scope: dict[str, str]) -> None:
    """Counted in rows that the database fetches for it."""
    filled(world, *([b"/data/%d" % i] for i in range(300)))
    world.turn(2)
    hold(world, **scope)
    drain(world)
    with world.hub._connection.begin():
        before = world.hub._connection.exec_driver_sql(_FETCHED).scalar_one()
        hand_out(world.hub._connection, world.hub._epoch, world.hub._memory)
        fetched = world.hub._connection.exec_driver_sql(_FETCHED).scalar_one() - before
    assert fetched <= 10, "none of the 300 was looked at"


_FETCHED = """
    select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) from pg_stat_xact_user_tables
    where relname in ('ready', 'tasks', 'batches', 'held_tasks')
"""
