"""Workers that are told to end: what runs is finished, what has not begun is given back."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from orchestrator.contracts.names import handouts_key
from orchestrator.contracts.report import Ended, Returned, Started
from tests.integration.workers.pool import Pool
from tests.integration.workers.test_deaths import said, tasks

pytestmark = pytest.mark.timeout(180)


def test_what_runs_is_finished_and_what_has_not_begun_is_given_back(start_pool: Callable[..., Pool]) -> None:
    pool = start_pool()
    runs = pool.parcel("sleep", [], tasks=tasks("/a"), params={"seconds": 8.0})
    reserved = pool.parcel("noop", [], tasks=tasks("/b", "/c", first=2))
    queued = pool.parcel("noop", [], tasks=tasks("/d", first=4))
    for parcel in (runs, reserved, queued):
        pool.publish(parcel)
    pool.until(lambda: pool.announcements[-1].holding == sorted([runs.id, reserved.id]), "both being held")
    assert pool.announcements[-1].running == 1
    pool.process.terminate()
    asked = time.monotonic()
    pool.until(lambda: pool.announcements[-1].draining, "draining")
    pool.until(lambda: (Returned, 3) in said(pool), "what is given back")
    assert time.monotonic() - asked < 2
    assert runs.id in pool.announcements[-1].holding
    assert pool.process.wait(60) == 0
    pool.until(lambda: pool.announcements[-1].leaving, "leaving")
    assert said(pool) == [(Started, 1), (Returned, 2), (Returned, 3), (Ended, 1)]
    assert pool.items[-1] == pool.ended()
    assert pool.ended().processed == 1
    assert pool.announcements[-1].holding == []
    # Nobody else runs what was given back, and somebody may run what was not taken.
    there = pool.redis.hgetall(handouts_key(pool.site))
    assert sorted(there.values()) == [b"claimed", b"claimed", b"out"]
    pool.process = pool.start()
    assert pool.ended(task=4).processed == 1
    assert [item.task for item in pool.items if isinstance(item, Ended)] == [1, 4]


def test_the_supervisor_waits_for_what_runs_but_not_for_ever(start_pool: Callable[..., Pool]) -> None:
    pool = start_pool()
    pool.process.terminate()
    assert pool.process.wait(60) == 0
    pool.announcements.clear()
    log = pool.log.open("ab")
    supervisor = pool.process = subprocess.Popen(
        [sys.executable, "-m", "workers", "--config", str(pool.config), "--patience", "2"], stdout=log, stderr=log
    )
    log.close()
    # The one before may be heard leaving.
    pool.until(lambda: any(not announcement.leaving for announcement in pool.announcements), "an announcement")
    pool.publish(pool.parcel("sleep", [], tasks=tasks("/x"), params={"seconds": 120.0}))
    pool.until(lambda: pool.items, "the beginning of the task")
    family = psutil.Process(supervisor.pid).children(recursive=True)
    supervisor.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    assert supervisor.wait(30) == 0
    assert time.monotonic() - asked > 1.9
    assert psutil.wait_procs(family, timeout=10)[1] == []
