"""A walker and a real Redis: what it sends, when it waits, when it stops, and what a kill costs (nothing)."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.contracts import names
from orchestrator.contracts.claims import CLAIMED
from orchestrator.contracts.parcel import RuleOrder, WalkOrder
from orchestrator.contracts.paths import PathList, pack, unpack
from orchestrator.contracts.seal import seal, site_key
from orchestrator.stack.program import launch
from orchestrator.stack.redis import prepare_redis
from tests.integration.discovery.site import KEY, SITE, Hub, make_files, order, process, run, running, runtime, until
from workers import walker
from workers.admission import NotAdmitted
from workers.discovery import outlet
from workers.discovery.finding import DiscoveryContext, Found
from workers.registry import REGISTRY, discovery
from workers.runtime import Runtime


@pytest.fixture
def hub(redis_url: str) -> Iterator[Hub]:
    hub = Hub(redis_url)
    yield hub
    hub.redis.close()


@pytest.fixture
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a host remembers what it has run: not in the tree that is walked."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def at(redis_url: str, tmp_path: Path, state: Path) -> Runtime:
    return runtime(redis_url, tmp_path, state)


def test_it_says_that_it_begins_and_sends_all_numbered_and_closes(at: Runtime, hub: Hub, tmp_path: Path) -> None:
    expected = make_files(tmp_path, 30, 30)
    due = order(tmp_path, rules=[RuleOrder("file", batch_size=70), RuleOrder("directory", exclude=["d00*"])])
    hub.expect(due)
    run(at, due)
    assert sorted(hub.paths()) == sorted(path for path in expected if b"/d00" not in path or b"/f" in path)
    begun, *entries = hub.seen
    assert (begun.sequence, begun.found, begun.node) == (0, [], "london.discovery@here")
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry.closed for entry in entries] == [False] * (len(entries) - 1) + [True]
    assert sum(entry.unmatched for entry in entries) == 10
    files = [found for entry in entries for found in entry.found if found.rule == 0]
    assert [found.n for found in files] == [70] * 12 + [60]
    assert {unpack(found.paths).base for found in files} == {os.fsencode(tmp_path)}


def test_an_empty_tree_closes_with_nothing(at: Runtime, hub: Hub, tmp_path: Path) -> None:
    due = order(tmp_path)
    hub.expect(due)
    run(at, due)
    assert [(entry.sequence, entry.closed, entry.found) for entry in (hub.read(), hub.seen)[1]] == [
        (0, False, []),
        (1, True, []),
    ]


def test_given_paths_go_as_they_are(at: Runtime, hub: Hub, tmp_path: Path) -> None:
    paths = [b"s3://bucket/%d" % number for number in range(20_000)] + [b"\xff \n", os.fsencode(tmp_path)]
    due = order(tmp_path, method="given", input=pack(PathList(paths)))
    hub.expect(due)
    run(at, due)
    assert hub.paths() == paths
    kept = hub.last()
    assert kept is not None
    assert unpack(kept.found[0].paths).kinds[-1] == "d"


def test_batches_of_one_share_an_entry_and_go_on_from_any_of_them(at: Runtime, hub: Hub, tmp_path: Path) -> None:
    expected = make_files(tmp_path, 3, 600)
    due = order(tmp_path, rules=[RuleOrder(batch_size=1)], grant=4)
    hub.expect(due)
    with running(at, due):
        until(lambda: hub.last() is not None and hub.sequence() == 4)
        hub.say(w0=names.STOP)
    run(at, hub.again(grant=10**6))
    paths = hub.paths()
    assert len(paths) == len(set(paths))
    assert set(paths) == expected
    found = [[part.n for part in entry.found] for entry in hub.kept[0]]
    assert {n for parts in found for n in parts} == {1}
    assert max(map(len, found)) == 250
    assert len(found) < 15


def test_it_sends_no_further_than_it_is_granted(at: Runtime, hub: Hub, tmp_path: Path) -> None:
    expected = make_files(tmp_path, 10, 10)
    due = order(tmp_path, rules=[RuleOrder(batch_size=10)], grant=3)
    hub.expect(due)
    with running(at, due):
        until(lambda: hub.last() is not None and hub.sequence() == 3)
        hub.say(idle=0)
        hub.say(w0=5)
        until(lambda: hub.last() is not None and hub.sequence() == 5)
        assert not hub.over()
        hub.say(w0=10**6)
    assert sorted(hub.paths()) == sorted(expected)
    assert max(entry.sequence for entry in hub.seen) == len(hub.kept[0])


def test_what_waits_long_for_a_grant_says_how_far_it_has_come(
    at: Runtime, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlet, "_ASK_SECONDS", 0.2)
    make_files(tmp_path, 10, 10)
    due = order(tmp_path, rules=[RuleOrder(batch_size=10)], grant=3)
    hub.expect(due)
    with running(at, due):
        until(lambda: (hub.read(), [entry.sequence for entry in hub.seen if entry.asks])[1][:2] == [3, 3])
        hub.say(w0=10**6)
    hub.read()
    assert [entry.sequence for entry in hub.seen if not entry.asks] == list(range(hub.sequence() + 1))
    assert hub.over()


def test_it_stops_at_a_checkpoint_and_another_goes_on_from_there(at: Runtime, hub: Hub, tmp_path: Path) -> None:
    expected = make_files(tmp_path, 20, 10)
    due = order(tmp_path, rules=[RuleOrder(batch_size=7)], grant=4)
    hub.expect(due)
    with running(at, due):
        until(lambda: hub.last() is not None and hub.sequence() == 4)
        hub.say(w0=names.STOP)
        until(hub.over)
    stopped = hub.last()
    assert stopped is not None
    assert (stopped.stopped, stopped.closed, stopped.sequence) == (True, False, 5)
    # The hub has not taken its stop back: what was asked of an earlier attempt does not stop this one.
    run(at, hub.again(grant=10**6))
    assert hub.last() is not stopped
    assert sorted(hub.paths()) == sorted(expected)


def test_a_stop_acts_while_it_is_busy_and_has_all_the_grant_there_is(at: Runtime, hub: Hub, tmp_path: Path) -> None:
    @discovery("endless")
    def endless(ctx: DiscoveryContext, start: PathList, cursor: bytes | None) -> Iterator[Found]:
        number = int(cursor or b"0")
        while True:
            number += 1
            yield Found(b"%d" % number, b"%d" % number)

    due = order(tmp_path, method="endless", rules=[RuleOrder(batch_size=100_000)])
    hub.expect(due)
    try:
        with running(at, due):
            until(lambda: hub.last() is not None)
            hub.say(w0=names.STOP)
            until(hub.over)
    finally:
        del REGISTRY.discoveries["endless"]
    last = hub.last()
    assert last is not None
    assert last.stopped
    assert len(hub.paths()) == int(last.cursor or b"0")


@pytest.mark.parametrize("kill_at", [0, 3, 17])
def test_killed_anywhere_the_next_walker_repeats_nothing_and_leaves_nothing_out(
    redis_url: str, at: Runtime, hub: Hub, tmp_path: Path, state: Path, kill_at: int
) -> None:
    expected = make_files(tmp_path, 40, 25)
    due = order(tmp_path, rules=[RuleOrder(batch_size=20)], grant=kill_at)
    hub.expect(due)
    victim = process(redis_url, tmp_path, state, due)
    try:
        until(lambda: (hub.read(), len(hub.seen) > 0 and hub.sequence() == kill_at)[1])
        hub.say(w0=kill_at + 3)  # it runs on while it is killed
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    assert not hub.over()
    run(at, hub.again(grant=10**6))
    assert hub.over()
    paths = hub.paths()
    assert len(paths) == len(set(paths))
    assert set(paths) == expected


def test_a_walker_that_was_replaced_is_not_counted(at: Runtime, hub: Hub, tmp_path: Path) -> None:
    expected = make_files(tmp_path, 10, 10)
    late = order(tmp_path, rules=[RuleOrder(batch_size=10)], grant=2)
    hub.expect(late)
    with running(at, late):
        until(lambda: hub.last() is not None and hub.sequence() == 2)
        run(at, hub.again(grant=10**6))
        hub.say(w0=10**6)
    assert sorted(hub.paths()) == sorted(expected)
    assert len(hub.seen) > len(hub.kept[0]) + 2


def test_idle_walkers_are_given_a_part_and_together_find_everything_once(
    at: Runtime, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walker, "_SHARE_AFTER", 0.0)
    expected = make_files(tmp_path, 50, 20)
    due = order(tmp_path, rules=[RuleOrder(batch_size=20)], grant=1)
    hub.expect(due)
    with running(at, due):
        until(lambda: hub.last() is not None)
        hub.say(w0=10**6, idle=2)
        until(hub.over)
    shed = [share for entry in hub.kept[0] for share in entry.shed]
    assert len(shed) >= 2
    assert len(hub.paths()) < len(expected)
    hub.say(idle=0)
    parts = [
        order(tmp_path, subtree=number, input=share.input, rules=[RuleOrder(batch_size=20)])
        for number, share in enumerate(shed, 1)
    ]
    hub.expect(*parts)
    with running(at, *parts):
        until(lambda: all(hub.over(part.subtree) for part in parts))
    paths = hub.paths()
    assert sorted(paths) == sorted(expected)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"input": pack(PathList([b"/nowhere"]))}, "/nowhere: .*roots"),
        ({"input": b"junk"}, "WireError: not a PathList"),
        ({"cursor": b"junk"}, "not one of a recursive walk"),
        ({"method": "magic"}, "this site has no discovery 'magic' .it has: .*given, .*recursive"),
        ({"options": {"skip_missing": "yes"}}, "skip_missing.*boolean"),
        ({"options": {"depth": 3}}, "depth"),
        ({"rules": [RuleOrder(include=["[a"])]}, "glob"),
        ({"rules": [RuleOrder(type="pipe")]}, "rule type 'pipe'"),
    ],
)
def test_what_can_not_be_walked_is_broken_with_the_reason(
    at: Runtime, hub: Hub, tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    due = order(tmp_path, **changes)
    hub.expect(due)
    run(at, due)
    last = hub.last()
    assert last is not None
    assert last.broken is not None
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(last.broken)


def test_a_start_that_may_be_missing_closes_with_nothing(at: Runtime, hub: Hub, tmp_path: Path) -> None:
    due = order(tmp_path, input=pack(PathList([os.fsencode(tmp_path / "gone")])), options={"skip_missing": True})
    hub.expect(due)
    run(at, due)
    last = hub.last()
    assert last is not None
    assert (last.closed, last.found) == (True, [])


def test_what_was_found_before_it_broke_is_sent_with_the_reason(at: Runtime, hub: Hub, tmp_path: Path) -> None:
    @discovery("breaking")
    def breaking(ctx: DiscoveryContext, start: PathList, cursor: bytes | None) -> Iterator[Found]:
        yield Found(b"one", b"1")
        raise RuntimeError("no more")

    due = order(tmp_path, method="breaking")
    hub.expect(due)
    try:
        run(at, due)
    finally:
        del REGISTRY.discoveries["breaking"]
    last = hub.last()
    assert last is not None
    assert (last.broken, last.cursor, hub.paths()) == ("RuntimeError: no more", b"1", [b"one"])


def test_orders_that_are_not_for_this_pool_or_come_again_are_refused_and_nothing_is_sent(
    at: Runtime, hub: Hub, tmp_path: Path
) -> None:
    sealed = {
        "another key": seal(site_key(b"another secret", SITE), order(tmp_path)),
        "another kind": seal(KEY, PathList([])),
        **{
            str(changes): seal(KEY, order(tmp_path, **changes))
            for changes in ({"site": "paris"}, {"queue": "bulk"}, {"expires": time.time() - 1}, {"method": "given"})
        },
    }
    for what, message in sealed.items():
        with pytest.raises(NotAdmitted):
            walker.accept(at, message, "discovery.recursive")
        walker.walk(at, message, "discovery.recursive")
        assert hub.redis.exists(names.batches_stream(SITE)) == 0, what
    due = order(tmp_path)
    hub.expect(due)
    run(at, due)
    run(at, due)
    hub.read()
    assert [entry.closed for entry in hub.seen] == [False, True]


def refused(hub: Hub, at: Runtime, due: WalkOrder) -> bool:
    run(at, due)
    return not hub.redis.exists(names.batches_stream(SITE))


def test_nothing_is_walked_that_can_not_be_claimed(at: Runtime, hub: Hub, tmp_path: Path) -> None:
    due = order(tmp_path)
    assert refused(hub, at, due)
    hub.expect(due)
    assert refused(hub, at, order(tmp_path))
    assert refused(hub, at, order(tmp_path, epoch=2))
    assert hub.permits.revoke(SITE, due.job, [due.id])
    assert refused(hub, at, due)
    hub.redis.hset(names.handouts_key(SITE), due.id, CLAIMED)
    assert refused(hub, at, due)
    hub.expect(due)
    hub.redis.delete(names.EPOCH_KEY)
    assert refused(hub, at, due)
    hub.permits.begin_epoch(2, [SITE])
    hub.expect(again := order(tmp_path, epoch=2))
    run(at, again)
    assert hub.over()
    # A Redis that has been set back to what it was does not set this host back.
    hub.permits.begin_epoch(1, [SITE])
    hub.expect(due)
    hub.redis.delete(names.batches_stream(SITE))
    assert refused(hub, at, due)


def test_what_was_walked_here_is_not_walked_again_when_redis_is_set_back(at: Runtime, hub: Hub, tmp_path: Path) -> None:
    due = order(tmp_path)
    for _ in range(2):
        hub.expect(due)
        run(at, due)
    hub.read()
    assert [entry.closed for entry in hub.seen] == [False, True]


def test_it_stops_when_its_job_is_told_to(at: Runtime, hub: Hub, tmp_path: Path) -> None:
    make_files(tmp_path, 20, 10)
    due = order(tmp_path, rules=[RuleOrder(batch_size=7)], grant=4)
    hub.expect(due)
    with running(at, due):
        until(lambda: hub.last() is not None and hub.sequence() == 4)
        hub.permits.stop(due.job, [SITE], 30.0)
        until(hub.over)
    last = hub.last()
    assert last is not None
    assert last.stopped


def test_a_worker_that_ends_stops_its_walks_at_a_checkpoint(at: Runtime, hub: Hub, tmp_path: Path) -> None:
    expected = make_files(tmp_path, 20, 10)
    due = order(tmp_path, rules=[RuleOrder(batch_size=7)], grant=4)
    hub.expect(due)
    with running(at, due):
        until(lambda: hub.last() is not None and hub.sequence() == 4)
        at.stopping.set()
        until(hub.over)
    stopped = hub.last()
    assert stopped is not None
    assert stopped.stopped
    at.stopping.clear()
    run(at, hub.again(grant=10**6))
    assert sorted(hub.paths()) == sorted(expected)


def test_it_waits_for_a_redis_that_is_away_and_loses_nothing(tmp_path: Path, state: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    expected = make_files(tree, 20, 10)
    folder = tmp_path / "redis"
    folder.mkdir()
    server = prepare_redis(folder, folder / "redis.log", {"appendonly": "yes", "appendfsync": "always"})
    first = launch(server.program(), str(folder))
    try:
        until(server.answers)
        hub, at = Hub(server.url), runtime(server.url, tree, state)
        due = order(tree, rules=[RuleOrder(batch_size=10)], grant=5)
        hub.expect(due)
        with running(at, due):
            until(lambda: hub.last() is not None and hub.sequence() == 5)
            hub.say(w0=10**6)
            first.kill()
            first.wait()
            first = launch(server.program(), str(folder))
            until(server.answers)
            until(hub.over)
        assert sorted(hub.paths()) == sorted(expected)
        hub.redis.close()
    finally:
        first.kill()
        first.wait()
        shutil.rmtree(folder)
