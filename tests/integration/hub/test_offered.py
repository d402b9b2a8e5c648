"""What a queue offers: what all its workers do. Where an action runs, and what runs for longer than ever."""

import time
from collections.abc import Sequence

import pytest

from orchestrator.contracts import names, views
from orchestrator.contracts.report import ActionOffer, Announcement, Ended, Reports, Started
from orchestrator.domain.health import Health
from orchestrator.errors import Invalid
from orchestrator.storage.queries.sites import read_site
from orchestrator.storage.queries.why import why_task
from tests.integration.hub.conftest import World


def say(
    world: World, host: str, offers: Sequence[str], *, function: str = "worker", runs_in: str = "", version: str = "1",
    ahead_s: float = 0,
) -> None:  # fmt: skip
    """Another node of London's default queue is there, whose clock is ahead by so much."""
    said = Announcement(
        f"london.{function}@{host}", function, ["default"], 2, "1", time.time() + ahead_s, boot="b", pool="prefork",
        actions=[ActionOffer(name, version, {"type": "object"}, runs_in=runs_in) for name in offers],
        limits={"memory": 1024.0},
    )  # fmt: skip
    world.london._send(names.reports_stream("london"), Reports("london", said.node, announcement=said))
    world.turn()


def job_of(world: World, *paths: list[bytes]) -> int:
    """A job over these paths, rule by rule, all of them found."""
    job = world.submit()
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    world.london.batch(order, 1, *paths, closed=True)
    world.turn(2)
    return job


def seen(world: World, function: str = "worker") -> views.Pool:
    with world.engine.begin() as tx:
        return next(pool for pool in read_site(tx, "london").queues if pool.function == function)


def test_what_only_some_workers_offer_is_shown_and_waits_until_all_do(world: World) -> None:
    world.define([{"name": "fs.checksum"}])
    say(world, "other", ["noop"])
    assert seen(world).actions == ["noop"]
    (partly,) = seen(world).partly
    assert (partly.action, partly.missing) == ("fs.checksum", ["london.worker@other"])
    assert partly.versions == {"london.worker@host": "1"}
    job = job_of(world, [b"/a"])
    assert world.state(job) == "Pending"
    assert world.london.waiting() == 0, "any of its workers might get it"
    task = world.one("select id from tasks").id
    with world.engine.begin() as tx:
        (cause,) = (cause for cause in why_task(tx, task).items if cause.cause == "action_missing")
        site = read_site(tx, "london")
    assert cause.detail.endswith(
        "offered by 1 of the 2 workers of london.default.worker, and not by london.worker@other"
    )
    assert site.health is Health.WARNING
    assert "default.worker: fs.checksum is offered by some of its nodes only, and waits" in site.problems
    say(world, "other", ["noop", "fs.checksum"])
    world.turn()
    world.london.finish(world.london.parcel(), 1)
    world.turn()
    assert world.state(job) == "Success"


def test_what_others_of_the_same_job_and_queue_need_is_handed_out_meanwhile(world: World) -> None:
    world.define([{"name": "fs.checksum"}], [{"name": "noop"}])
    say(world, "other", ["noop"])
    job_of(world, [b"/a.0"], [b"/b.1"])
    assert world.london.parcel().action == "noop"
    assert world.london.waiting() == 0


def test_versions_that_differ_are_shown_and_do_not_wait(world: World) -> None:
    world.define([{"name": "noop"}])
    say(world, "other", ["noop", "fs.checksum"], version="2")
    versions = {some.action: some.versions for some in seen(world).partly}
    assert versions["noop"] == {"london.worker@host": "1", "london.worker@other": "2"}
    job_of(world, [b"/a"])
    assert world.london.parcel().action == "noop"


def test_a_worker_that_leaves_counts_no_more(world: World) -> None:
    say(world, "other", ["noop"])
    with world.engine.begin() as tx:
        tx.exec_driver_sql("update nodes set left_at = now() where node = 'london.worker@other'")
    world.hub.keeper.look()
    assert world.all("select from lanes where partial <> '{}'") == []
    assert seen(world).partly == []


def function_of(world: World, step: dict[str, str]) -> str:
    world.define([step], discovery=None)
    job = world.submit(["/a"])
    return world.one("select function from job_steps where job_id = :job", job=job).function


def test_an_action_runs_in_the_pool_that_it_asks_for(world: World) -> None:
    say(world, "host", ["noop", "fs.checksum", "thumbnail"], runs_in="custom")
    say(world, "host", ["noop", "thumbnail"], function="custom", runs_in="custom")
    assert function_of(world, {"name": "thumbnail"}) == "custom"


def test_where_there_is_no_such_pool_another_runs_it(world: World) -> None:
    say(world, "host", ["thumbnail"], runs_in="interactive")
    assert function_of(world, {"name": "thumbnail"}) == "worker"


def test_a_step_says_in_which_pool_it_runs(world: World) -> None:
    say(world, "host", ["noop"], function="interactive")
    assert function_of(world, {"name": "noop", "function": "interactive"}) == "interactive"


def test_a_pool_that_is_not_there_is_refused(world: World) -> None:
    world.define([{"name": "noop", "function": "interactive"}], discovery=None)
    with pytest.raises(Invalid) as refused:
        world.submit(["/a"])
    reason = "interactive is no pool of queue default at site london that offers noop"
    assert [fault.reason for fault in refused.value.faults] == [f"filter_rules[0].action[0].function: {reason}"]


def test_nodes_say_what_binds_them(world: World) -> None:
    say(world, "other", ["noop"])
    with world.engine.begin() as tx:
        (node,) = (node for node in read_site(tx, "london").nodes if node.node == "london.worker@other")
    assert (node.pool, node.limits) == ("prefork", {"memory": 1024})


def test_a_clock_that_is_off_is_shown_and_a_warning(world: World) -> None:
    say(world, "other", ["noop"], ahead_s=90)
    with world.engine.begin() as tx:
        site = read_site(tx, "london")
    (node,) = (node for node in site.nodes if node.node == "london.worker@other")
    assert node.clock_skew_s == pytest.approx(90, abs=10)
    assert site.health == Health.WARNING
    assert any("london.worker@other" in problem and "clock" in problem for problem in site.problems)


def test_what_runs_for_longer_than_any_before_is_a_warning(world: World) -> None:
    world.define([{"name": "noop"}])
    job_of(world, [b"/a"])
    parcel = world.london.parcel()
    world.london.start(parcel)
    (order,) = parcel.tasks
    world.london.report(Ended(order.task, order.attempt, 90.0, processed=1, started_at=time.time() - 90))
    world.turn()
    world.hub.keeper.look()
    assert world.one("select longest_s from site_actions where site = 'london' and action = 'noop'").longest_s == 90
    job_of(world, [b"/b"])
    again = world.london.parcel()
    world.london.start(again)
    world.turn()
    for seconds, late in ((80, False), (120, True)):
        with world.engine.begin() as tx:
            tx.exec_driver_sql(f"update tasks set started_at = now() - interval '{seconds} s' where state = 'Started'")
            site = read_site(tx, "london")
        assert any("longer than any before (90 s)" in problem for problem in site.problems) is late
        assert seen(world).longest_running_s == pytest.approx(seconds, abs=10)
    world.london.report(Started(again.tasks[0].task, 1, time.time()))
