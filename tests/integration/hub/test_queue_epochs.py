"""A queue whose workers end start after start is left: its work goes on under the next name, it stays for a look."""

from orchestrator.contracts.names import queue_epochs_key, restart_key
from orchestrator.domain.health import Health
from tests.integration.hub.conftest import World
from tests.integration.hub.test_canary import health
from tests.integration.hub.test_control import many, work_off

QUEUE = "london.default.worker"


def begin_in_vain(world: World, times: int) -> None:
    """So many starts of the worker, each of which says that it is there, and nothing more."""
    for number in range(times):
        world.london.boot = f"{world.london.boot}{number}"
        world.london.announce(["worker"])
        world.turn()
    world.hub.keeper.look()


def epoch(world: World) -> int:
    query = "select coalesce(max(epoch), 0) as n from lanes where site = 'london' and function = 'worker'"
    return world.one(query).n


def test_its_work_goes_on_under_the_next_name(world: World) -> None:
    job = many(world, 6)
    assert world.redis.llen(QUEUE) == 4
    begin_in_vain(world, 3)
    assert epoch(world) == 0, "two of them came to nothing so far"
    begin_in_vain(world, 1)
    assert epoch(world) == 1
    world.london.queue_epoch = 1
    left = world.redis.llen(QUEUE)
    assert 0 < world.redis.ttl(QUEUE) <= 7 * 24 * 3600  # type: ignore[operator]
    assert world.redis.hget(queue_epochs_key("london"), "default.worker") == b"1"
    entry = world.one("select actor, action, subject, detail from audit where action like 'lane.%'")
    assert tuple(entry)[:3] == ("hub", "lane.epoch", QUEUE)
    assert entry.detail == {"queue": QUEUE, "messages": 4, "next": f"{QUEUE}.e1"}
    assert (
        f"the workers of {QUEUE} kept ending: it was left, and is kept for a look with 4 messages" in health(world)[1]
    )
    begin_in_vain(world, 1)
    assert health(world)[0] is Health.WARNING
    work_off_now(world, job)
    assert {tuple(row) for row in world.all("select tries, crashes from tasks")} == {(0, 0)}
    assert epoch(world) == 1
    assert world.redis.llen(QUEUE) == left


def work_off_now(world: World, job: int) -> None:
    world.london.hear(*world.london.canaries())
    world.turn()
    work_off(world, job)
    assert world.state(job) == "Success"
    assert world.one("select processed from progress").processed == 6


def test_what_was_handed_out_under_the_old_name_can_not_be_claimed(world: World) -> None:
    many(world, 2)
    parcel = world.london.parcel()
    begin_in_vain(world, 4)
    assert epoch(world) == 1
    assert not world.london.claim(parcel)
    assert world.one("select max(attempt) as n from tasks where state = 'Pending'").n == 1
    world.london.queue_epoch = 1
    begin_in_vain(world, 1)
    world.turn()
    world.london.canaries()
    assert world.london.parcel().queue_epoch == 1


def test_an_empty_queue_is_not_to_blame(world: World) -> None:
    begin_in_vain(world, 5)
    world.hub.keeper.look()
    assert epoch(world) == 0
    assert world.redis.llen(QUEUE) == 1, "a canary"


def test_neither_is_that_of_a_worker_who_hears(world: World) -> None:
    begin_in_vain(world, 3)
    world.london.hear(*world.london.canaries())
    world.turn()
    begin_in_vain(world, 2)
    assert epoch(world) == 0


def test_who_serves_the_old_name_is_asked_to_restart_and_gets_nothing(world: World) -> None:
    many(world, 2)
    begin_in_vain(world, 4)
    world.london.announce(["worker"])
    world.turn()
    world.hub.keeper.look()
    assert epoch(world) == 1
    boot = world.london.boot.encode()
    assert world.redis.get(restart_key("london", "london.worker@host")) == boot
    assert health(world)[0] is Health.CRITICAL
    world.london.queue_epoch = 1
    assert world.london.waiting() <= 1, "no more than a canary"


def test_the_names_outlive_the_memory_of_the_broker(world: World) -> None:
    many(world, 2)
    begin_in_vain(world, 4)
    world.redis.flushall()
    world.hub.take_over()
    world.hub.keeper.look()
    assert world.redis.hget(queue_epochs_key("london"), "default.worker") == b"1"
