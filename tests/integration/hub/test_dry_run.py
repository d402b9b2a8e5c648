"""Dry runs: everything is found for real, nothing is run, and what would be is told."""

from pathlib import Path

import pytest

from orchestrator.contracts.views import Forecast
from orchestrator.errors import Conflict, NotFound
from orchestrator.services.control import cancel, pause, resume
from orchestrator.services.redrive import sources
from orchestrator.storage.queries.forecast import read_forecast
from orchestrator.storage.queries.jobs import read_job
from tests.integration.hub.changing import Changing
from tests.integration.hub.conftest import World

TWO = [{"name": "fs.checksum"}, {"name": "noop", "site": "paris"}]


def forecast(world: World, job: int) -> Forecast:
    with world.engine.begin() as tx:
        return read_forecast(tx, job)


def dry(world: World, paths: int = 3) -> int:
    """A dry run of a workflow with two rules, of which the walker has found something for each."""
    world.define(TWO, [{"name": "noop"}, {"name": "look", "manual": True, "group": "qa"}])
    job = world.submit(dry_run=True)
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    world.london.batch(order, 1, [b"/data/%d.0" % n for n in range(paths)], [b"/data/a.1"], unmatched=2)
    world.london.batch(order, 2, [b"/data/more.0"], closed=True)
    world.turn(2)
    return job


def test_what_is_found_is_counted_by_rule_and_nothing_is_run(world: World) -> None:
    job = dry(world)
    assert world.state(job) == "Success"
    assert (world.london.waiting(), world.paris.waiting(), world.tasks(job)) == (0, 0, [])
    assert world.one("select count(*) as n from batches").n == 0
    found = forecast(world, job)
    assert (found.final, found.paths, found.unmatched, found.unreadable) == (True, 5, 2, 0)
    first, second = found.rules
    assert [(rule.rule, rule.paths, rule.batches) for rule in found.rules] == [(0, 4, 2), (1, 1, 1)]
    assert [(step.action, step.site, step.tasks, step.processes) for step in first.steps] == [
        ("fs.checksum", "london", 2, 2),
        ("noop", "paris", 2, 2),
    ]
    assert (second.steps[1].function, second.steps[1].group, second.steps[1].seconds) == ("people", "qa", None)
    assert found.expected_s is None
    assert "fs.checksum has never run at london" in found.unknown
    with world.engine.begin() as tx:
        shown = read_job(tx, job)
    assert shown.dry_run
    assert (shown.paths.total, shown.paths.skipped, shown.paths.unmatched, shown.discovery.found) == (5, 5, 2, 7)
    assert shown.progress.percent == 100


def test_the_time_is_what_its_actions_have_been_taking(world: World) -> None:
    world.define([{"name": "noop"}])
    for paths in (2, 4):
        job = world.submit()
        world.turn()
        order = world.london.walk()
        assert world.london.claim(order)
        world.london.batch(order, 1, [b"/data/%d" % n for n in range(paths)], closed=True)
        world.turn()
        parcel = world.london.parcel()
        assert world.london.claim(parcel)
        world.london.finish(parcel, paths)
        world.turn(2)
        assert world.state(job) == "Success"
    with world.engine.begin() as tx:
        tx.exec_driver_sql("update tasks set started_at = ended_at - make_interval(secs => given * 0.5)")
    job = world.submit(dry_run=True)
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    world.london.batch(order, 1, [b"/data/%d" % n for n in range(10)])
    world.turn()
    assert not forecast(world, job).final
    world.london.batch(order, 2, [b"/data/x%d" % n for n in range(10)], closed=True)
    world.turn(2)
    found = forecast(world, job)
    [step] = found.rules[0].steps
    assert (step.seconds_per_path, step.seconds, found.expected_s, found.unknown) == (0.5, 10.0, 5.0, [])


def test_names_are_sorted_by_the_rules_as_well(world: World) -> None:
    world.define(TWO, [{"name": "noop"}], discovery=None)
    job = world.submit(["a.0", "b.1", "c.1", "d.2"], dry_run=True)
    world.turn(2)
    assert world.state(job) == "Success"
    assert [(rule.paths, rule.batches) for rule in forecast(world, job).rules] == [(1, 1), (2, 1)]
    assert forecast(world, job).unmatched == 1


def test_it_is_paused_resumed_and_cancelled_as_any_other(world: World) -> None:
    world.define(TWO)
    job = world.submit(dry_run=True)
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    world.london.batch(order, 1, [b"/data/1"])
    world.turn()
    world.control(pause, job)
    world.london.batch(order, 2, [b"/data/2"], stopped=True)
    world.turn(2)
    assert world.state(job) == "Paused"
    world.control(resume, job)
    world.turn()
    assert [rule.paths for rule in forecast(world, job).rules] == [2]
    world.control(cancel, job)
    world.turn(3)
    assert world.state(job) == "Cancelled"


def test_a_batch_that_comes_twice_is_counted_once(world: World) -> None:
    world.define(TWO)
    job = world.submit(dry_run=True)
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    for sequence in (1, 1, 2, 1):
        world.london.batch(order, sequence, [b"/data/%d" % sequence], closed=sequence == 2)
        world.turn()
    world.turn()
    assert [(rule.paths, rule.batches) for rule in forecast(world, job).rules] == [(2, 2)]
    assert world.state(job) == "Success"


def test_nobody_is_told_and_nothing_can_be_redriven(world: World) -> None:
    with world.engine.begin() as tx:
        tx.exec_driver_sql("insert into webhooks (url, owner) values ('https://example.org', 'me')")
    job = dry(world)
    assert world.one("select count(*) as n from deliveries").n == 0
    with pytest.raises(Conflict, match="dry run"), world.engine.begin() as tx:
        sources(tx, job)
    run = world.submit()
    with pytest.raises(NotFound, match="no dry run"):
        forecast(world, run)
    assert world.one("select count(*) as n from deliveries").n == 1


def test_looking_for_changes_leaves_them_to_be_found(world: World, tmp_path: Path, redis_url: str) -> None:
    """What took no rule, too: it would be known from then on."""
    (tmp_path / "data").mkdir()
    rules = [{"type": "file", "include": ["*.tif"], "action": [{"name": "noop"}]}]
    changing = Changing(world, tmp_path / "data", tmp_path / "state", redis_url, filter_rules=rules)
    changing.write(["a.tif", "b.tif", "c.txt"])

    def rehearse() -> tuple[int, int]:
        job = changing.submit(dry_run=True)
        changing.walk()
        world.turn(4)
        assert changing.state() == "Success"
        found = forecast(world, job)
        return found.paths, found.unmatched

    assert rehearse() == rehearse() == (2, 1)
    assert world.one("select count(*) as n from remembered").n == 0
    assert changing.run() == {"a.tif": "created", "b.tif": "created"}
    assert rehearse() == (0, 0)
    changing.write({"a.tif": "another"})
    (changing.root / "b.tif").unlink()
    assert rehearse() == (2, 0)
    assert changing.run() == {"a.tif": "modified", "b.tif": "deleted"}
