"""Redis loses its memory, or remembers what is long over: all is handed out again, and nothing of before counts."""

from collections.abc import Callable

from orchestrator.hub import Hub
from tests.integration.hub.conftest import World
from tests.integration.hub.test_control import work_off
from tests.integration.hub.test_recovery import with_paths


def test_an_emptied_redis_is_noticed_and_everything_is_handed_out_again(world: World) -> None:
    job = with_paths(world, 1)
    old = world.london.parcel()
    world.redis.flushall()
    world.london.announce()
    assert not world.london.claim(old)
    world.hub.take_over()
    world.turn(2)
    assert not world.london.claim(old)
    new = world.london.parcel()
    assert (new.epoch, new.tasks[0].attempt) == (old.epoch + 1, 2)
    assert world.london.claim(new)
    world.london.finish(new, 1)
    world.turn()
    assert world.state(job) == "Success"


def test_an_old_redis_that_comes_back_can_not_hand_anything_out(world: World) -> None:
    job = with_paths(world, 1)
    kept = {key: world.redis.dump(key) or b"" for key in world.redis.keys("*")}  # type: ignore[union-attr]
    old = world.london.parcel()
    world.london.start(old)
    world.redis.flushall()
    world.london.announce()
    world.hub.take_over()
    world.turn()
    world.redis.flushall()
    for key, dumped in kept.items():
        world.redis.restore(key, 0, dumped)
    world.london.announce()
    world.hub.take_over()
    world.turn(2)
    copy = world.london.parcel()
    assert copy.id == old.id
    assert not world.london.claim(copy)
    work_off(world, job)
    assert world.state(job) == "Success"


def test_a_hub_that_begins_after_it_hears_sites_that_can_not_say_that_they_exist(
    world: World, new_hub: Callable[[], Hub]
) -> None:
    """A site's own Redis user may not; and nothing of its batches had been applied yet."""
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    world.redis.flushall()
    world.hub = new_hub()
    world.turn(2)
    order = world.london.walk()
    assert world.london.claim(order)
    world.london.batch(order, 1, [b"/data/a"], closed=True)
    world.turn(2)
    work_off(world, job)
    assert world.state(job) == "Success"
