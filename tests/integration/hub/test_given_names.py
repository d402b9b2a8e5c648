"""Names that are no paths of a file system: the hub fills their job by itself, by the machine of all walks."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text

from orchestrator.contracts.paths import unpack
from orchestrator.services import name_paths
from orchestrator.services.control import cancel, pause, resume
from orchestrator.services.define import create
from tests.integration.hub.conftest import World
from tests.integration.hub.redrives import redrive

NOOP = [{"name": "noop"}]


def run(world: World) -> list[bytes]:
    """Run all there is, as it is handed out; the paths in that order."""
    ran: list[bytes] = []
    for _ in range(40):
        while world.london.waiting():
            parcel = world.london.parcel()
            if world.london.claim(parcel):
                paths = unpack(parcel.tasks[0].paths).paths
                ran += paths
                world.london.finish(parcel, len(paths))
        world.turn()
    return ran


def walks(world: World, job: int) -> list[tuple[str, int, bytes | None]]:
    rows = world.all("select state, sequence, cursor from walks where job_id = :job order by subtree", job=job)
    return [(row.state, row.sequence, row.cursor and bytes(row.cursor)) for row in rows]


def test_they_are_handed_out_in_the_turn_that_meets_them(world: World) -> None:
    world.define([{"name": "noop"}], [{"name": "fs.checksum"}, {"name": "noop"}], discovery=None)
    job = world.submit(["a.0", "b.1", "c.2"])
    world.turn()
    assert world.london.waiting("discovery") == 0, "no walker is asked"
    assert world.tasks(job) == [(0, "Pending"), (0, "Pending"), (1, "Pending")]
    assert world.london.waiting() == 2
    assert walks(world, job) == [("Closed", 1, None)]
    assert run(world) == [b"a.0", b"b.1", b"b.1"]
    assert world.state(job) == "Success"
    counted = world.one("select total, unmatched, processed from progress where job_id = :job", job=job)
    assert tuple(counted) == (2, 1, 2)


@pytest.mark.parametrize("paths", [("/data/a",), ("a", "/data/b")])
def test_paths_of_a_file_system_are_looked_at_by_their_site(world: World, paths: Sequence[str]) -> None:
    world.define(NOOP, discovery=None)
    world.submit(paths)
    world.turn()
    assert [path.decode() for path in unpack(world.london.walk().input).paths] == list(paths)


def test_batches_states_and_sizes(world: World) -> None:
    rules: list[dict[str, Any]] = [
        {"type": "file", "state": "created", "batch_size": 2, "action": NOOP},
        {"type": "all", "state": "default", "include": ["*.txt"], "action": NOOP},
    ]
    with world.engine.begin() as tx:
        create(tx, {"name": "work", "filter_rules": rules}, "tester")
    given = [{"path": f"{n}.txt", "size": n, "state": "created" if n % 2 else "deleted"} for n in range(6)]
    world.submit([*given, {"path": "other", "state": "deleted"}])  # type: ignore[list-item]
    world.turn()
    found = [(row.rule, unpack(bytes(row.paths))) for row in world.all("select rule, paths from batches order by id")]
    assert [(rule, some.paths, some.sizes, some.states) for rule, some in found] == [
        (0, [b"1.txt", b"3.txt"], [1, 3], ["created"] * 2),
        (0, [b"5.txt"], [5], ["created"]),
        (1, [b"0.txt", b"2.txt", b"4.txt"], [0, 2, 4], ["deleted"] * 3),
    ]
    assert all(some.kinds == "" and some.base == b"" for _, some in found)
    run(world)


def test_a_large_job_is_filled_chunk_by_chunk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_paths, "MOST_BATCHES", 2)
    world.define(NOOP, discovery=None, batch_size=1)
    job = world.submit([f"item-{n}" for n in range(5)])
    world.turn()
    assert walks(world, job) == [("Running", 1, b"2")]
    world.turn()
    assert walks(world, job) == [("Running", 2, b"4")]
    assert run(world) == [b"item-%d" % n for n in range(5)]
    assert walks(world, job) == [("Closed", 3, None)]
    assert world.state(job) == "Success"


def test_several_walks_are_gone_through_in_order(world: World) -> None:
    world.define(NOOP, discovery=None)
    job = world.submit([f"item-{n}" for n in range(10_001)])
    assert len(walks(world, job)) == 3
    ran = run(world)
    assert ran == [b"item-%d" % n for n in range(10_001)]
    assert world.state(job) == "Success"


def test_paused_it_stops_and_resumed_it_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_paths, "MOST_BATCHES", 2)
    world.define(NOOP, discovery=None, batch_size=1)
    job = world.submit([f"item-{n}" for n in range(5)])
    world.turn()
    world.control(pause, job)
    world.turn(2)
    assert (world.state(job), walks(world, job)) == ("Paused", [("Stopped", 1, b"2")])
    world.turn(2)
    assert walks(world, job) == [("Stopped", 1, b"2")]
    world.control(resume, job)
    assert sorted(run(world)) == [b"item-%d" % n for n in range(5)]
    assert world.state(job) == "Success"


def test_what_a_cancelled_job_was_not_filled_with_is_redriven(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_paths, "MOST_BATCHES", 2)
    world.define(NOOP, discovery=None, batch_size=1)
    job = world.submit([f"item-{n}" for n in range(5)])
    world.turn()
    world.control(cancel, job, grace_s=0)
    world.turn(3)
    assert world.state(job) == "Cancelled"
    new = redrive(world, job, include=["Cancelled"])
    world.turn(2)
    order = world.london.walk()
    assert (unpack(order.input).paths[int(order.cursor or b"0") :], order.method) == (
        [b"item-2", b"item-3", b"item-4"], "given",
    )  # fmt: skip
    assert world.london.claim(order)
    world.london.batch(order, 1, [b"item-2", b"item-3", b"item-4"], closed=True)
    world.turn()
    assert sorted(run(world)) == [b"item-%d" % n for n in range(5)]
    assert world.state(new) == "Success"


def test_what_is_held_or_early_is_not_filled(world: World) -> None:
    world.define(NOOP, discovery=None)
    job, early = world.submit(["a"]), world.submit(["b"])
    with world.engine.begin() as tx:
        tx.execute(text("insert into holds (job_id, reason, author) values (:job, 'wait', 'tester')"), {"job": job})
        tx.execute(text("update jobs set not_before = now() + interval '1 day' where id = :job"), {"job": early})
    world.turn(2)
    assert walks(world, job) == walks(world, early) == [("Waiting", 0, None)]
    with world.engine.begin() as tx:
        tx.execute(text("update holds set released_at = now(), released_by = 'tester'"))
        tx.execute(text("update jobs set not_before = null"))
    assert run(world) == [b"a", b"b"]


def test_a_hub_that_dies_in_a_chunk_leaves_nothing_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.define(NOOP, discovery=None, batch_size=1)
    job = world.submit(["a", "b"])
    with monkeypatch.context() as broken:
        broken.setattr("orchestrator.services.turn.hand_out_tasks", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            world.turn()
    assert (walks(world, job), world.tasks(job)) == ([("Waiting", 0, None)], [])
    assert run(world) == [b"a", b"b"]
