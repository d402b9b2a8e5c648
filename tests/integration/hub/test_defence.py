"""What can not be used is set aside, and the hub goes on; a new hub begins where the old one stopped."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import create_engine

from orchestrator.contracts import names, seal
from orchestrator.contracts.batch import Batch, Found
from orchestrator.contracts.paths import bitmap
from orchestrator.contracts.report import Ended, Problem, Reports
from orchestrator.hub import Hub, run
from tests.integration.hub.conftest import SECRET, Site, World
from tests.integration.hub.test_main_way import TWO_STEPS, begun

_NOT_UTF8 = msgspec.msgpack.encode(Reports("london", "?")).replace(b"?", b"\xff")
_KEY = seal.site_key(SECRET, "london")

HOSTILE: dict[str, dict[Any, Any]] = {
    "nothing": {},
    "another field": {"x": b"y"},
    "not sealed": {"d": b"hello"},
    "too short": {"d": b""},
    "another site's key": {"d": seal.seal(seal.site_key(SECRET, "paris"), Reports("london", "n"))},
    "another site's name": {"d": seal.seal(_KEY, Reports("paris", "n"))},
    "signed, and not UTF-8": {"d": seal._mac(_KEY, Reports, _NOT_UTF8) + _NOT_UTF8},
    "not a report": {"d": seal.seal(_KEY, Batch("london", "n", 1, 0, 1, 1))},
}


@pytest.mark.parametrize("kind", ["reports", "batches"])
def test_hostile_entries_are_set_aside(world: World, kind: str) -> None:
    stream = names.reports_stream("london") if kind == "reports" else names.batches_stream("london")
    entries = HOSTILE if kind == "reports" else {k: v for k, v in HOSTILE.items() if k != "not a report"}
    for fields in entries.values():
        world.redis.xadd(stream, fields or {"": b""})
    job = begun(world)
    assert world.tasks(job) == [(0, "Pending"), (1, "Pending")]
    assert world.one("select count(*) as n from dead_letters").n == len(entries)


def test_an_entry_that_can_not_be_written_is_set_aside_alone(world: World) -> None:
    job = begun(world, paths=2)
    parcel = world.london.parcel()
    task, attempt = parcel.tasks[0].task, parcel.tasks[0].attempt
    world.london.report(Ended(task, attempt, 1e400, processed=2))  # an infinite duration is no interval
    world.london.finish(parcel, 2)
    world.turn()
    assert world.tasks(job) == [(0, "Success"), (1, "Pending")]
    assert world.one("select count(*) as n from dead_letters").n == 1


@pytest.mark.parametrize(
    "said",
    [
        {"failed": 2, "problems": [Problem(0, "failed", b"a"), Problem(0, "failed", b"a")], "passed": b"\0"},
        {"failed": 2, "problems": [Problem(0, "failed", b"a"), Problem(9, "failed", b"b")], "passed": b"\0"},
        {"failed": 2, "problems": [], "passed": b"\0"},
        {"failed": 2, "problems": [Problem(0, "odd", b"a"), Problem(1, "odd", b"b")], "passed": b"\0"},
        {"processed": 2, "passed": bitmap([0, 1, 7], 9)},
        {"processed": 3, "failed": -1},
        {"processed": 2, "passed": b"\0"},
    ],
)
def test_a_report_that_contradicts_itself_is_a_failure_of_its_task(world: World, said: dict[str, object]) -> None:
    job = begun(world, paths=2)
    world.london.finish(world.london.parcel(), 2, **said)
    world.turn()
    assert world.tasks(job) == [(0, "Failure"), (1, "Cancelled")]


def test_text_that_the_database_can_not_hold_is_kept_readable(world: World) -> None:
    job = begun(world, paths=1)
    problem = Problem(0, "failed", b"/data/\0x\xff", "a \0 b \U0001f600", "Bad\0")
    world.london.finish(world.london.parcel(), 1, failed=1, problems=[problem], passed=b"\0")
    world.turn()
    assert world.state(job) == "Failure"
    row = world.one("select path, message from outcomes")
    assert (bytes(row.path), row.message) == (b"/data/\0x\xff", "a � b \U0001f600")


def test_found_for_a_rule_that_does_not_exist_is_kept_aside(world: World) -> None:
    world.define(TWO_STEPS)
    world.submit()
    world.turn()
    order = world.london.walk()
    batch = Batch("london", "n", order.job, order.subtree, order.attempt, 1, found=[Found(7, 1, b"x")])
    world.redis.xadd(names.batches_stream("london"), {"d": seal.seal(world.london.key, batch)})
    world.turn()
    assert world.tasks(order.job) == []
    world.london.batch(order, 1, [b"/data/a"], closed=True)
    world.turn()
    assert len(world.tasks(order.job)) == 2


def test_what_was_read_and_not_committed_is_read_again(world: World, new_hub: Callable[[], Hub]) -> None:
    """The position is kept in the transaction that applied the entries: another hub applies each exactly once."""
    job = begun(world, paths=1)
    world.london.finish(world.london.parcel(), 1)
    world.hub = new_hub()
    world.turn()
    world.hub = new_hub()
    world.turn()
    assert world.tasks(job) == [(0, "Success"), (1, "Pending")]
    assert world.one("select count(*) as n from stale_reports").n == 0


def test_one_hub_is_active_and_the_other_takes_over(world: World, database_url: str, tmp_path: Path) -> None:
    stops = [threading.Event(), threading.Event()]
    engines = [create_engine(database_url.replace("postgresql:", "postgresql+psycopg:")) for _ in stops]
    threads = [
        threading.Thread(target=run, args=(engine, world.redis, SECRET, stop, tmp_path))
        for engine, stop in zip(engines, stops, strict=True)
    ]
    holders = "select count(*) filter (where granted) as n from pg_locks where locktype = 'advisory'"
    try:
        threads[0].start()
        wait(lambda: world.one(holders).n == 1)
        threads[1].start()
        stops[0].set()
        threads[0].join(10)
        world.define(TWO_STEPS)
        world.submit()
        wait(lambda: world.london.waiting("discovery") == 1)
    finally:
        for stop in stops:
            stop.set()
        for thread in threads:
            if thread.ident:
                thread.join(10)
        for engine in engines:
            engine.dispose()


def wait(done: Callable[[], bool], seconds: float = 15) -> None:
    stop = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if done():
            return
        stop.wait(0.05)
    raise AssertionError("it did not come about in time")


def test_a_site_with_a_strange_name_is_not_listened_to(world: World) -> None:
    world.redis.sadd(names.SITES_KEY, "a:b", b"\xff", "", "x" * 100)
    stranger = Site(world.redis, "a:b")
    world.redis.xadd("orchestrator:a:b:reports", {"d": msgspec.msgpack.encode(stranger.name)})
    world.hub.meet_sites()
    world.turn()
    assert {row.name for row in world.all("select name from sites")} == {"london", "paris"}
