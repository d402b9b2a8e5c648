"""Entries of a walk: what one may carry."""

from orchestrator.contracts.batch import Found
from orchestrator.contracts.paths import PathList, pack, unpack
from tests.integration.hub.conftest import World


def test_an_entry_may_have_many_batches_of_one_rule(world: World) -> None:
    world.define([{"name": "noop"}, {"name": "noop"}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    found = [Found(0, 1, pack(PathList([b"/data/%d" % number]))) for number in range(300)]
    world.london.entry(order, 1, found)
    world.london.entry(order, 1, found)  # its answer was lost
    world.london.entry(order, 2, found[:2], closed=True)
    world.turn()
    kept = world.all("select sequence, place, paths from batches order by id")
    expected = [*((1, place) for place in range(300)), (2, 0), (2, 1)]
    assert [(row.sequence, row.place) for row in kept] == expected
    assert [unpack(row.paths).paths for row in kept] == [[b"/data/%d" % place] for _, place in expected]
    assert len(world.tasks(job)) == 604
    assert world.one("select total, open_tasks from progress") == (302, 604)
