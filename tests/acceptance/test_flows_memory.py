"""Memory of hub, API, walkers and Redis stays flat, however many paths go through."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from orchestrator.contracts.paths import unpack
from orchestrator.stack.wait import wait_until
from orchestrator.storage.database import make_engine
from tests.acceptance.whole_stack import Whole

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("whole")]

MILLION = int(os.environ.get("TEST_DISCOVERY_PATHS", "0"))
"""How many files are walked in one go, with kills on the way; 0: that is left out, since it takes minutes."""
FOLDERS, FILES = 50, 1000
MIB = 1024 * 1024


def make_tree(folder: Path, folders: int = FOLDERS) -> None:
    for number in range(folders):
        below = folder / f"{number:03d}"
        below.mkdir()
        fd = os.open(below, os.O_DIRECTORY)
        for file in range(FILES):
            os.close(os.open(f"{file:04d}", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        os.close(fd)


def memory(whole: Whole, *parts: str) -> dict[str, float]:
    """MiB that these parts hold, resident; hub and API unless others are named."""
    held: dict[str, float] = {}
    for name in parts or ("hub", "api"):
        if pid := whole.pid(name):  # it may be down
            with suppress(psutil.NoSuchProcess):
                held[name] = psutil.Process(pid).memory_info().rss / MIB
    return held


def test_200_000_paths_go_through_and_memory_stays(whole: Whole) -> None:
    tree = whole.folder()
    make_tree(tree)
    doors = [whole.data / f"{tree.name}-{number}" for number in range(3)]
    for door in doors:
        door.symlink_to(tree)
    workflow = whole.define({"name": "noop"}, {"name": "noop", "site": "paris"})
    first = whole.run(workflow, tree, seconds=60)
    assert first["paths"]["processed"] == FOLDERS * FILES
    before = memory(whole)
    second = whole.run(workflow, *doors, seconds=60)
    assert (second["state"], second["paths"]["processed"]) == ("Success", 3 * FOLDERS * FILES)
    assert len(whole.items(f"/jobs/{first['id']}/paths", outcome="processed")) == FOLDERS * FILES
    assert len(whole.items(f"/jobs/{second['id']}/tasks")) == sum(second["tasks"].values())
    after = memory(whole)
    assert {name for name in after if after[name] - before[name] > 40} == set(), (before, after)


@pytest.mark.skipif(not MILLION, reason="takes minutes: TEST_DISCOVERY_PATHS=1000000 says over how many files")
@pytest.mark.timeout(1800)
def test_a_walk_that_is_killed_on_the_way_finds_every_path_once_and_memory_stays(whole: Whole) -> None:
    few, many = whole.folder("few"), whole.folder("many")
    make_tree(few, 10)
    make_tree(many, MILLION // FILES)
    workflow = whole.define({"name": "noop"})
    assert whole.run(workflow, few, seconds=120)["state"] == "Success"
    parts = ("hub", "api", "london.discovery", "redis")
    before = memory(whole, *parts)
    peak = dict(before)
    job = whole.submit(workflow, many)

    def reached(count: int) -> bool:
        for name, held in memory(whole, *parts).items():
            peak[name] = max(peak[name], held)
        now = whole.job(job)
        return now["discovery"]["found"] >= count or now["ended_at"] is not None

    for quarter, part in enumerate(("london.discovery", "hub", "london.discovery"), 1):
        assert wait_until(lambda quarter=quarter: reached(MILLION * quarter // 4), 300)
        assert whole.job(job)["discovery"]["found"] < MILLION, "there is more to find"
        victim = whole.pid(part)
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        assert wait_until(lambda part=part, victim=victim: whole.pid(part) not in {None, victim}, 60)
    assert wait_until(lambda: reached(MILLION * 2), 900)
    ended = whole.end(job)
    assert (ended["state"], ended["paths"]["processed"]) == ("Success", MILLION // FILES * FILES)
    print({name: f"{before[name]:.0f} MiB, at most {peak[name]:.0f}" for name in parts})  # noqa: T201 - asked for by hand
    engine = make_engine(whole.profile["database_url"], pool_size=1)
    found: set[int] = set()
    with engine.connect() as tx:
        for (paths,) in tx.execute(text("select paths from batches where job_id = :job"), {"job": job}):
            found.update(map(hash, unpack(paths).paths))
    engine.dispose()
    assert len(found) == ended["paths"]["total"]
    assert {name for name in parts if peak[name] - before[name] > 100} == set(), (before, peak)
