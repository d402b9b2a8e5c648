"""Canaries: one at a time in each queue; who does not hear is seen, given nothing, and asked to restart."""

from collections.abc import Callable

import pytest

from orchestrator.contracts.names import restart_key
from orchestrator.domain.health import Health
from orchestrator.hub import Hub
from orchestrator.storage.queries.sites import read_site
from tests.integration.hub.conftest import World
from tests.integration.hub.test_control import drain_queue, many, work_off
from tests.integration.hub.test_recovery import age
from tests.integration.hub.test_why import job_causes, task_causes

NODE = "london.worker@host"


@pytest.fixture
def world(world: World) -> World:
    """London's workers are new ones; Paris has old ones."""
    world.london.boot = "first"
    world.london.announce()
    world.turn()
    world.hub.keeper.look()
    return world


def wait(world: World, seconds: float) -> None:
    """Let time pass, by the database's clock, for canaries and for the start of workers."""
    with world.engine.begin() as tx:
        for table, columns in (("lanes", ("canary_sent_at", "canary_heard_at")), ("nodes", ("booted_at",))):
            for column in columns:
                tx.exec_driver_sql(f"update {table} set {column} = {column} - interval '{seconds} seconds'")
    world.hub.keeper.look()


def health(world: World) -> tuple[Health, list[str]]:
    with world.engine.begin() as tx:
        site = read_site(tx, "london")
    return site.health, site.problems


def asked(world: World) -> bytes | None:
    return world.redis.get(restart_key("london", NODE))  # type: ignore[return-value]


def test_each_queue_has_one_under_way(world: World) -> None:
    for _ in range(2):
        assert world.redis.llen("london.default.worker") == world.redis.llen("london.default.discovery") == 1
        wait(world, 3)
    (worker,), (discovery,) = world.london.canaries(), world.london.canaries("discovery")
    assert (worker.site, worker.queue, worker.function) == ("london", "default", "worker")
    world.london.hear(worker, discovery)
    world.turn()
    wait(world, 5)
    assert world.london.canaries() == []
    wait(world, 5)
    assert len(world.london.canaries()) == len(world.london.canaries("discovery")) == 1
    assert world.redis.llen("paris.default.worker") == 0, "old workers would lose them"
    assert world.one("select count(*) as n from handouts").n == 0


def test_who_does_not_hear_is_critical_gets_nothing_and_is_asked_to_restart(world: World) -> None:
    wait(world, 29)
    assert (health(world), asked(world)) == ((Health.OK, []), None)
    wait(world, 2)
    assert asked(world) == b"first"
    light, problems = health(world)
    assert light is Health.CRITICAL
    assert problems[0].startswith(f"{NODE}: it is there, but nothing that is sent to it arrives")
    job = many_at_once(world)
    assert world.london.waiting() == 1, "the canary alone"
    cause = job_causes(world, job)["deaf"]
    assert cause == "1 of the workers of london.default.worker are there, but nothing that is sent to them arrives"
    assert "deaf" in task_causes(world, world.one("select min(id) as id from tasks").id)
    world.london.boot = "second"
    world.london.announce()
    world.turn()
    world.hub.keeper.look()
    assert health(world)[0] is Health.OK
    (canary,) = world.london.canaries()
    world.london.hear(canary)
    work_off(world, job)
    assert world.state(job) == "Success"
    wait(world, 1)
    assert health(world) == (Health.OK, [])


def many_at_once(world: World) -> int:
    """A job whose walk was carried out although the walkers do not hear either."""
    with world.engine.begin() as tx:
        tx.exec_driver_sql("update nodes set deaf = false where function = 'discovery'")
    world.london.canaries("discovery")
    return many(world, 2)


def test_who_is_busy_is_not_deaf(world: World) -> None:
    world.london.announce(["worker"], running=2)
    world.turn()
    wait(world, 100)
    assert asked(world) is None
    world.london.announce(["worker"], running=1)
    world.turn()
    wait(world, 1)
    assert asked(world) == b"first"


def test_who_begins_a_task_hears(world: World) -> None:
    world.london.canaries()
    world.london.canaries("discovery")
    many(world, 2)
    parcel = drain_queue(world)[0]
    wait(world, 25)
    world.london.start(parcel)
    world.turn()
    wait(world, 10)
    assert asked(world) is None
    wait(world, 50)
    assert asked(world) == b"first", "the next canary was not heard"
    world.london.finish(parcel, 1)
    world.turn()
    assert world.one("select deaf from nodes where node = :node", node=NODE).deaf is False


def test_a_canary_is_heard_by_its_own_site_alone(world: World) -> None:
    (canary,) = world.london.canaries()
    world.paris.hear(canary)
    world.turn()
    wait(world, 31)
    assert asked(world) == b"first"


def test_nobody_is_judged_by_a_time_in_which_nobody_could_be_heard(world: World, new_hub: Callable[[], Hub]) -> None:
    with world.engine.begin() as tx:
        tx.exec_driver_sql("update lanes set canary_sent_at = canary_sent_at - interval '300 seconds'")
    hub = new_hub()
    hub.keeper.look()
    assert asked(world) is None
    assert world.one("select count(*) as n from nodes where deaf").n == 0


def test_why_says_so_of_tasks_that_were_handed_out_before(world: World) -> None:
    world.london.canaries("discovery")
    job = many(world, 2)
    world.london.canaries()
    wait(world, 31)
    assert "deaf" in job_causes(world, job)


def test_a_lost_canary_is_forgotten_with_the_memory_of_the_broker(world: World) -> None:
    world.redis.flushall()
    with world.engine.begin() as tx:
        tx.exec_driver_sql("update lanes set canary_sent_at = canary_sent_at - interval '300 seconds'")
    world.hub.take_over()
    world.london.announce()
    world.turn()
    wait(world, 0)
    assert len(world.london.canaries()) == 1
    assert asked(world) is None


def test_a_canary_that_went_with_its_worker_is_sent_again(world: World) -> None:
    (first,) = world.london.canaries()
    world.london.boot = "second"
    world.london.announce(["worker"])
    world.turn()
    world.hub.keeper.look()
    (second,) = world.london.canaries()
    assert second.id != first.id
    world.london.hear(second)
    world.turn()
    wait(world, 40)
    assert asked(world) is None


def test_who_is_gone_is_asked_nothing(world: World) -> None:
    age(world, 20)
    wait(world, 60)
    assert asked(world) is None
