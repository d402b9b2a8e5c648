"""Sites that are disabled or drained: nothing new, what is not begun comes back at no cost, what runs is finished."""

from typing import Any

import pytest

from orchestrator.contracts.names import Function
from orchestrator.contracts.views import Pool
from orchestrator.services.control import cancel, pause, resume
from orchestrator.services.drain import WHOLE, Part, Stance, direct, locked
from orchestrator.storage.queries.sites import read_site
from orchestrator.storage.queries.why import why_job
from tests.integration.hub.conftest import World
from tests.integration.hub.test_control import drain_queue, many, work_off


def told(world: World, stance: Stance, site: str = "london", part: Part = WHOLE) -> None:
    with world.engine.begin() as tx:
        direct(tx, locked(tx, site), stance, "tester", "a new kernel", part)
    world.turn()
    world.hub.find_lost()


def seen(world: World, site: str = "london") -> tuple[int, bool]:
    with world.engine.begin() as tx:
        view = read_site(tx, site)
    return view.with_site, view.drained


def costs(world: World) -> set[Any]:
    return {tuple(row) for row in world.all("select tries, crashes from tasks")}


def test_a_drained_site_gives_back_what_it_has_not_begun_and_finishes_what_runs(world: World) -> None:
    job = many(world, 6)
    parcels = drain_queue(world)
    world.london.start(parcels[0])
    world.turn()
    told(world, Stance.DRAIN)
    assert seen(world) == (1, False)
    assert not any(world.london.claim(parcel) for parcel in parcels[1:])
    world.turn(2)
    assert world.london.waiting() == 0
    world.london.finish(parcels[0], 1)
    world.turn()
    assert seen(world) == (0, True)
    assert world.state(job) == "Started"
    assert world.one("select count(*) as n from ready where site = 'london'").n == 5
    told(world, Stance.ENABLE)
    assert seen(world)[1] is False
    work_off(world, job)
    assert world.state(job) == "Success"
    assert costs(world) == {(0, 0)}
    assert world.one("select processed from progress").processed == 6


def test_a_disabled_site_keeps_what_it_was_handed(world: World) -> None:
    job = many(world, 6)
    told(world, Stance.DISABLE)
    parcels = drain_queue(world)
    assert len(parcels) == 4
    for parcel in parcels:
        assert world.london.claim(parcel)
        world.london.finish(parcel, 1)
    world.turn(3)
    assert world.london.waiting() == 0
    assert seen(world) == (0, False)
    told(world, Stance.ENABLE)
    work_off(world, job)
    assert world.state(job) == "Success"


def test_a_walk_stops_at_a_checkpoint_and_goes_on_when_the_site_is_back(world: World) -> None:
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    world.london.batch(order, 1, [b"/data/a"], cursor=b"a")
    world.turn()
    told(world, Stance.DRAIN)
    field = f"{job}:{order.subtree}"
    assert world.redis.hget("orchestrator:london:grants", field) == b"-1"
    world.london.batch(order, 2, [b"/data/b"], cursor=b"b", stopped=True)
    world.turn(2)
    assert seen(world) == (0, True)
    assert world.london.waiting("discovery") == 0
    told(world, Stance.ENABLE)
    again = world.london.walk()
    assert (again.cursor, again.sequence, again.attempt) == (b"b", 2, 2)
    assert world.london.claim(again)
    world.london.batch(again, 3, [b"/data/c"], closed=True)
    work_off(world, job)
    assert world.one("select total, processed from progress") == (3, 3)


def test_a_walk_that_nobody_has_begun_is_taken_back(world: World) -> None:
    world.define([{"name": "noop"}])
    world.submit()
    world.turn()
    order = world.london.walk()
    told(world, Stance.DRAIN)
    assert seen(world) == (0, True)
    assert not world.london.claim(order)
    told(world, Stance.ENABLE)
    assert world.london.walk().attempt == 2


def test_jobs_of_a_draining_site_can_be_paused_resumed_and_cancelled(world: World) -> None:
    job = many(world, 6)
    parcels = drain_queue(world)
    world.london.start(parcels[0])
    world.turn()
    with world.engine.begin() as tx:
        direct(tx, locked(tx, "london"), Stance.DRAIN, "tester", None)
    # Both take back the same: each task comes back once.
    world.control(pause, job)
    world.hub.find_lost()
    assert world.state(job) == "Pausing"
    world.london.finish(parcels[0], 1)
    world.turn()
    assert world.state(job) == "Paused"
    world.control(resume, job)
    world.turn(2)
    assert world.london.waiting() == 0
    world.control(cancel, job)
    world.turn(2)
    assert world.state(job) == "Cancelled"


def test_who_asked_is_in_the_audit_once_whatever_is_repeated(world: World) -> None:
    for stance in (Stance.DRAIN, Stance.DRAIN, Stance.DISABLE, Stance.ENABLE, Stance.ENABLE):
        told(world, stance)
    entries = [tuple(row) for row in world.all("select action, subject, actor, reason from audit order by id")]
    asked = ("london", "tester", "a new kernel")
    assert entries == [("site.drain", *asked), ("site.disable", *asked), ("site.enable", *asked)]


WORKERS, WALKERS = Part(function=Function.WORKER), Part("default", Function.DISCOVERY)


def pool(world: World, function: str = "worker") -> Pool:
    with world.engine.begin() as tx:
        return next(one for one in read_site(tx, "london").queues if one.function == function)


@pytest.mark.parametrize("part", [WORKERS, Part("default"), Part("default", Function.WORKER)], ids=str)
def test_a_part_is_drained_and_the_rest_goes_on(world: World, part: Part) -> None:
    job = many(world, 6)
    parcels = drain_queue(world)
    world.london.start(parcels[0])
    world.turn()
    told(world, Stance.DRAIN, part=part)
    assert not any(world.london.claim(parcel) for parcel in parcels[1:])
    world.turn(2)
    assert world.london.waiting() == 0
    assert (pool(world).draining, pool(world).drained, pool(world).with_site) == (True, False, 1)
    world.london.finish(parcels[0], 1)
    world.turn()
    assert pool(world).drained
    assert seen(world) == (0, False), "the site as a whole is not drained"
    causes = {cause["cause"] for cause in world_why(world, job)}
    assert "part_draining" in causes
    told(world, Stance.ENABLE)
    assert pool(world).draining, "the site's own stance is another matter"
    told(world, Stance.ENABLE, part=part)
    work_off(world, job)
    assert world.state(job) == "Success"
    assert costs(world) == {(0, 0)}


def test_a_disabled_queue_is_given_nothing_and_others_are(world: World) -> None:
    told(world, Stance.DISABLE, part=Part("bulk"))
    job = many(world, 6)
    parcels = drain_queue(world)
    told(world, Stance.DISABLE, part=Part("default"))
    for parcel in parcels:
        assert world.london.claim(parcel)
        world.london.finish(parcel, 1)
    world.turn(3)
    assert world.london.waiting() == 0
    assert (pool(world).enabled, pool(world).waiting) == (False, 6 - len(parcels))
    with world.engine.begin() as tx:
        site = read_site(tx, "london")
    assert (site.enabled, site.health) == (True, "warning")
    assert "default.worker: it is disabled or draining, and given nothing new" in site.problems
    told(world, Stance.ENABLE, part=Part("default"))
    work_off(world, job)


def test_walks_of_a_draining_function_stop_and_work_goes_on(world: World) -> None:
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    world.london.batch(order, 1, [b"/data/a"], cursor=b"a")
    world.turn()
    told(world, Stance.DRAIN, part=WALKERS)
    assert world.redis.hget("orchestrator:london:grants", f"{job}:{order.subtree}") == b"-1"
    world.london.batch(order, 2, [b"/data/b"], cursor=b"b", stopped=True)
    world.turn(2)
    assert pool(world, "discovery").drained
    assert world.london.waiting("discovery") == 0
    assert world.london.waiting() > 0, "what was found is worked on"
    told(world, Stance.ENABLE, part=WALKERS)
    again = world.london.walk()
    assert world.london.claim(again)
    world.london.batch(again, 3, closed=True)
    work_off(world, job)
    assert world.state(job) == "Success"


def test_a_part_is_in_the_audit_by_its_name(world: World) -> None:
    for stance in (Stance.DRAIN, Stance.DRAIN, Stance.DISABLE, Stance.ENABLE, Stance.ENABLE):
        told(world, stance, part=Part("bulk", Function.CUSTOM))
    entries = [(row.action, row.subject) for row in world.all("select action, subject from audit order by id")]
    assert entries == [(f"site.{word}", "london.bulk.custom") for word in ("drain", "disable", "enable")]
    assert world.one("select count(*) as n from stances").n == 0


def world_why(world: World, job: int) -> list[dict[str, str]]:
    with world.engine.begin() as tx:
        return [cause.model_dump() for cause in why_job(tx, job).items]
