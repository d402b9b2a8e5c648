"""A hub that takes over from one that was killed between commit and publish."""

from collections.abc import Callable

from orchestrator.hub import Hub
from tests.integration.hub.conftest import World
from tests.integration.hub.test_recovery import with_paths


def test_a_new_hub_finds_what_the_old_one_never_sent(world: World, new_hub: Callable[[], Hub]) -> None:
    """Killed between commit and publish: the row says that it was handed out, and Redis knows nothing of it."""
    job = with_paths(world, 1)
    world.london.parcel()
    world.redis.delete("orchestrator:london:handouts")
    world.hub = new_hub()
    world.turn()
    parcel = world.london.parcel()
    assert parcel.tasks[0].attempt == 2
    world.london.claim(parcel)
    world.london.finish(parcel, 1)
    world.turn()
    assert world.state(job) == "Success"
    assert world.redis.hgetall("orchestrator:london:handouts") == {}, "what was heard of leaves nothing behind"


def test_a_new_hub_drops_what_the_old_one_had_heard_and_keeps_what_is_out(
    world: World, new_hub: Callable[[], Hub]
) -> None:
    """Killed between commit and publish, it did not come to say in Redis what it had heard."""
    with_paths(world, 1)
    world.redis.hset("orchestrator:london:handouts", "of another hub's time", "claimed")
    world.hub = new_hub()
    parcel = world.london.parcel()
    assert world.redis.hkeys("orchestrator:london:handouts") == [parcel.id.encode()]
    assert world.london.claim(parcel)
