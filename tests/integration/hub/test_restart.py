"""A site's workers restarted one after the other, as the hub goes about it."""

import pytest

from orchestrator.contracts.names import GENTLY, restart_key
from orchestrator.contracts.views import Restart
from orchestrator.domain.rolling import BACK_WITHIN_S, MOST_TOLD
from orchestrator.errors import NotFound
from orchestrator.services.drain import locked
from orchestrator.services.restart import ask
from orchestrator.storage.queries.sites import read_site
from tests.integration.hub.conftest import World

DISCOVERY, WORKER = "london.discovery@host", "london.worker@host"


def asked(world: World) -> dict[str, str]:
    """Which starts are asked to end: node -> what is said to it."""
    world.redis.delete(*(restart_key("london", node) for node in (DISCOVERY, WORKER)))
    world.hub.keeper.look()
    said = {node: world.redis.get(restart_key("london", node)) for node in (DISCOVERY, WORKER)}
    return {node: word.decode() for node, word in said.items() if word}  # type: ignore[union-attr]


def boot(world: World, boot: str, *functions: str) -> None:
    world.london.boot = boot
    world.london.announce(functions or ("worker", "discovery"))
    world.turn()


def roll(world: World) -> None:
    with world.engine.begin() as tx:
        ask(tx, locked(tx, "london"), "tester", "a new plugin")


def leave(world: World, node: str, seconds: float) -> None:
    """It has ended so long ago."""
    ago = "clock_timestamp() - make_interval(secs => :seconds)"
    world.all(
        f"update nodes set left_at = {ago}, last_heard = {ago} where node = :node returning 1",
        seconds=seconds,
        node=node,
    )


def seen(world: World) -> Restart:
    with world.engine.begin() as tx:
        restart = read_site(tx, "london").restart
    assert restart is not None
    return restart


def test_one_after_the_other_and_the_next_when_the_one_before_is_back(world: World) -> None:
    boot(world, "one")
    roll(world)
    assert (seen(world).done, seen(world).left, seen(world).ended_at) == (0, 2, None)
    assert asked(world) == {DISCOVERY: "one" + GENTLY}
    boot(world, "one", "discovery")
    assert asked(world) == {DISCOVERY: "one" + GENTLY}, "it runs something long, and is told again"
    assert (seen(world).node, seen(world).left) == (DISCOVERY, 2)
    boot(world, "two", "discovery")
    assert asked(world) == {WORKER: "one" + GENTLY}
    assert (seen(world).node, seen(world).done, seen(world).left) == (WORKER, 1, 1)
    leave(world, WORKER, 0)
    assert asked(world) == {}, "it is awaited back"
    assert seen(world).ended_at is None
    boot(world, "three", "worker")
    assert asked(world) == {}
    last = seen(world)
    assert (last.done, last.left, last.problem, last.node) == (2, 0, None, None)
    assert last.ended_at is not None
    assert (last.asked_by, last.reason) == ("tester", "a new plugin")
    assert world.one("select actor, subject from audit where action = 'site.restart'") == ("tester", "london")


def test_asked_again_all_begin_anew_again(world: World) -> None:
    boot(world, "one")
    roll(world)
    assert asked(world) == {DISCOVERY: "one" + GENTLY}
    boot(world, "two", "discovery")
    roll(world)
    assert (seen(world).done, seen(world).left) == (0, 2)
    assert asked(world) == {DISCOVERY: "two" + GENTLY}


def test_one_that_does_not_come_back_ends_it_and_the_others_stay_as_they_are(world: World) -> None:
    boot(world, "one")
    roll(world)
    asked(world)
    leave(world, DISCOVERY, BACK_WITHIN_S + 1)
    assert asked(world) == {}
    last = seen(world)
    assert last.ended_at is not None
    assert last.problem is not None
    assert last.problem.startswith(f"{DISCOVERY} has ended, and has not come back within 120 s")
    assert last.left == 1


def test_one_that_does_not_heed_ends_it_and_one_that_is_ending_may_take_its_time(world: World) -> None:
    boot(world, "one")
    roll(world)
    for _ in range(MOST_TOLD):
        assert asked(world) == {DISCOVERY: "one" + GENTLY}
    world.all("update nodes set draining = true where node = :node returning 1", node=DISCOVERY)
    assert asked(world) == {DISCOVERY: "one" + GENTLY}
    boot(world, "two", "discovery")
    for _ in range(MOST_TOLD):
        assert asked(world) == {WORKER: "one" + GENTLY}
    assert asked(world) == {}
    last = seen(world)
    assert last.ended_at is not None
    assert last.problem is not None
    assert last.problem.startswith(f"{WORKER} was asked to end and does not begin to")
    assert (last.done, last.left) == (1, 1)


def test_a_site_that_nobody_knows_is_not_restarted(world: World) -> None:
    with world.engine.begin() as tx, pytest.raises(NotFound, match="no site 'oslo'"):
        locked(tx, "oslo")


def test_with_nobody_there_it_ends_at_once(world: World) -> None:
    world.all("update nodes set left_at = now() returning 1")
    roll(world)
    assert asked(world) == {}
    assert seen(world).ended_at is not None
