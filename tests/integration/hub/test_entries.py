"""Entries of a walk: what one may carry."""

import pytest

from orchestrator.contracts.batch import Found
from orchestrator.contracts.paths import PathList, pack, unpack
from tests.integration.hub.conftest import World
from tests.integration.hub.test_recovery import walked


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


def test_batches_count_once(world: World) -> None:
    world.define([{"name": "noop"}])
    job = world.submit()
    world.turn()
    order = world.london.walk()
    for sequence in (1, 1, 2, 1, 2):
        world.london.batch(order, sequence, [b"/data/%d" % sequence])
    world.london.batch(order, 2, asks=True)
    world.turn()
    assert len(world.tasks(job)) == 2
    assert world.one("select sequence, state from walks") == (2, "Running")
    assert world.one("select count(*) as n from stale_reports").n == 3


@pytest.mark.parametrize("sequence", [3, 2])
def test_where_entries_were_lost_the_walk_goes_on_from_its_cursor(world: World, sequence: int) -> None:
    """Redis lost what the walker sent after the first entry; it goes on, or waits for a grant that never comes."""
    job, lost = walked(world)
    if sequence == 3:
        world.london.batch(lost, 3, [b"/data/c"], cursor=b"c")
    else:
        world.london.batch(lost, 2, asks=True)
    world.turn(2)
    again = world.london.walk()
    assert (again.attempt, again.cursor, again.sequence) == (2, b"a", 1)
    world.london.batch(lost, 4, [b"/data/d"], closed=True)
    world.london.claim(again)
    world.london.batch(again, 2, [b"/data/b"], closed=True)
    world.turn()
    assert (len(world.tasks(job)), world.one("select state from discoveries").state) == (2, "Closed")
