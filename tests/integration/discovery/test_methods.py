"""What every way to discover promises, tried with each: it goes on after a stop or a kill, and closes once."""

import os
import re
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from orchestrator.contracts import names
from orchestrator.contracts.parcel import RuleOrder, WalkOrder
from orchestrator.contracts.paths import PathList, pack
from tests.integration.discovery.methods import METHODS, NEED_S3, Case, found_in, load
from tests.integration.discovery.site import Hub, order, process, run, running, runtime, until
from tests.s3_server import s3_server
from workers import store_pages
from workers.discovery import gather
from workers.registry import REGISTRY

N = 400
MILLION = int(os.environ.get("TEST_DISCOVERY_PATHS", "0"))
"""How many paths are walked to see how much memory it takes; 0: that is left out, since it takes minutes."""


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as server:
        yield server


@pytest.fixture
def hub(redis_url: str) -> Iterator[Hub]:
    hub = Hub(redis_url)
    yield hub
    hub.redis.close()


@pytest.fixture(params=METHODS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def case(request: pytest.FixtureRequest, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    monkeypatch.setattr(gather, "_MOST_SIGHTED", 20)
    monkeypatch.setattr(gather, "_ENOUGH", 20)
    monkeypatch.setattr(store_pages, "PAGE", 20)
    case = METHODS[name](tmp_path, request.getfixturevalue("s3") if name in NEED_S3 else None, N)
    load(case)
    yield case
    if case.module is not None:
        REGISTRY.discoveries.pop(case.method, None)


def ordered(case: Case, tmp_path: Path, **more: int) -> WalkOrder:
    return order(
        tmp_path, method=case.method, input=pack(PathList(case.start)), options=case.options,
        rules=[RuleOrder(batch_size=20)], **more,
    )  # fmt: skip


def all_of(hub: Hub) -> list[bytes]:
    hub.read()
    return found_in(hub.kept[0])


def assert_closed_once_and_all_found_once(hub: Hub, case: Case) -> None:
    hub.read()
    kept = hub.kept[0]
    assert [entry.closed for entry in kept] == [False] * (len(kept) - 1) + [True]
    assert sorted(all_of(hub)) == sorted(case.expected)


def test_it_is_stopped_again_and_again_and_goes_on_from_where_it_was(
    redis_url: str, hub: Hub, case: Case, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    at = runtime(redis_url, tmp_path, tmp_path_factory.mktemp("state"), case.stores)
    due, grant = ordered(case, tmp_path, grant=2), 2
    hub.expect(due)
    for _ in range(3):
        with running(at, due):
            until(lambda grant=grant: (hub.read(), hub.sequence() >= grant)[1])
            hub.say(w0=names.STOP)
            until(hub.over)
        last = hub.last()
        assert last is not None
        assert last.stopped, "there was more"
        grant = hub.sequence() + 2
        due = hub.again(grant=grant)
    due.grant = 10**6
    run(at, due)
    assert_closed_once_and_all_found_once(hub, case)


@pytest.mark.parametrize("kill_at", [0, 3])
def test_killed_the_next_walker_repeats_nothing_and_leaves_nothing_out(
    redis_url: str, hub: Hub, case: Case, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, kill_at: int
) -> None:
    state = tmp_path_factory.mktemp("state")
    due = ordered(case, tmp_path, grant=kill_at)
    hub.expect(due)
    victim = process(redis_url, tmp_path, state, due, stores=case.stores, enough=20, module=case.module)
    try:
        until(lambda: (hub.read(), len(hub.seen) > 0 and hub.sequence() == kill_at)[1])
        hub.say(w0=kill_at + 3)  # it runs on while it is killed
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    assert not hub.over()
    run(runtime(redis_url, tmp_path, state, case.stores), hub.again(grant=10**6))
    assert_closed_once_and_all_found_once(hub, case)


def high_water(pid: int) -> int:
    """The most that a process has had in memory so far, in KiB; 0 once it has ended.

    What the system says of one that has ended counts what its parent had when it was made.
    """
    found = re.search(r"VmHWM:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


@pytest.mark.skipif(not MILLION, reason="takes minutes: TEST_DISCOVERY_PATHS=1000000 says over how many paths")
@pytest.mark.timeout(1800)
def test_its_memory_does_not_grow_with_what_it_finds(
    redis_url: str, hub: Hub, name: str, request: pytest.FixtureRequest, tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    """Of its processes, two of which are killed: some tens of MiB beyond what a thousand paths take, however many."""
    if name == "given":
        pytest.skip("what is given comes with the order, 5,000 paths at most")
    peaks: list[int] = []
    for n in (1000, MILLION if name not in NEED_S3 else MILLION // 20):
        folder = tmp_path_factory.mktemp(f"{name}-{n}")
        case = METHODS[name](folder, request.getfixturevalue("s3") if name in NEED_S3 else None, n)
        hub.redis.flushall()
        fresh = Hub(redis_url)
        due = order(folder, method=case.method, input=pack(PathList(case.start)), options=case.options, grant=0)
        fresh.expect(due)
        state, peak = tmp_path_factory.mktemp("s"), 0
        begin = partial(process, redis_url, folder, state, stores=case.stores, module=case.module)
        walker, found, every, kills = begin(due), 0, set[int](), [n // 3, n * 2 // 3]
        while True:
            until(lambda fresh=fresh: (fresh.read(), bool(fresh.seen))[1], 120)
            peak, over = max(peak, high_water(walker.pid)), fresh.over()
            paths = found_in(fresh.kept[0][: None if over else -1])
            found, fresh.kept[0] = found + len(paths), fresh.kept[0][-1:]
            every.update(map(hash, paths))
            fresh.seen.clear()
            if over:
                break
            if n > 1000 and kills and found > kills[0]:
                walker.kill()
                walker.wait()
                kills.pop(0)
                walker = begin(fresh.again(grant=0))
                continue
            fresh.redis.xtrim(names.batches_stream("london"), minid=fresh.position)
            fresh.say(w0=fresh.sequence() + 32)
        assert (walker.wait(), found, len(every)) == (0, n, n)
        assert n <= 1000 or not kills
        peaks.append(peak // 1024)
        fresh.redis.close()
    print(f"{name}: {peaks[0]} MiB for 1,000 paths, {peaks[1]} MiB for {MILLION:,}")  # noqa: T201 - asked for by hand
    assert peaks[1] < peaks[0] + 64
