"""A broker and sites that repeat, reorder, spoil and forge: none of it changes what is true."""

import random
from typing import Any

import msgspec
import psutil
import pytest

from orchestrator.contracts import names, seal
from orchestrator.contracts.paths import bitmap
from orchestrator.contracts.report import Ended, Item, Problem, Reports
from orchestrator.stack.wait import wait_until
from tests.faults.meddler import Meddler
from tests.faults.stack import SITE, Stack
from tests.faults.trial import Trial

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("messages")]

MILLION = 1_000_000


@pytest.mark.quick
def test_every_message_comes_three_times_in_any_order(trial: Trial, chance: random.Random) -> None:
    with trial.stack.redis as redis, Meddler(redis, SITE, chance) as meddler:
        trial.begin(paths=150)
        trial.ends()
        assert wait_until(lambda: meddler.entries > 100, 10)
    assert meddler.messages >= 20, "few stand in a queue long enough to be caught"
    assert trial.twice() == 0, "what came twice was run twice"
    late = "select count(*) from stale_reports s join tasks t on t.id = s.task_id where t.job_id = :job"
    assert wait_until(lambda: trial.stack.record.one(late, job=trial.job) > 20, 10)


def _huge(stack: Stack) -> bytes:
    """A report of a million paths, each with its problem."""
    problems = [Problem(number, "failed", b"/a/path/%d" % number, "no") for number in range(MILLION)]
    passed = bitmap(range(MILLION), MILLION)
    report = Reports(SITE, "n", [Ended(64 * MILLION, 1, 0.1, failed=MILLION, passed=passed, problems=problems)])
    return seal.seal(seal.site_key(stack.installation.secret, SITE), report)


def _entries(stack: Stack, task: int, attempt: int) -> list[bytes]:
    """Each ends in a table for what is of no use; that it does, and not what it says, is what counts."""
    ours, theirs = (seal.site_key(stack.installation.secret, site) for site in (SITE, "elsewhere"))
    good = seal.seal(ours, Reports(SITE, "n", [Ended(task, attempt, 0.1, processed=1)]))
    to_come: list[Item] = [Ended(task, attempt + 7, 0.1, processed=1)]
    half = msgspec.msgpack.encode(Reports(SITE, "??n", to_come)).replace(b"??n", b"\xed\xa0\x80")
    return [
        good[:-3] + bytes([good[-3] ^ 1]) + good[-2:],  # a byte is turned over
        good[:-5],
        seal.seal(theirs, Reports(SITE, "n", [Ended(task, attempt, 0.1, processed=1)])),
        seal._mac(ours, Reports, half) + half,  # half of a surrogate pair
        seal.seal(ours, Reports(SITE, "n\0n", to_come)),
        seal.seal(ours, Reports(SITE, "n", to_come)),
    ]


@pytest.mark.quick
def test_reports_that_are_spoilt_forged_or_huge(trial: Trial) -> None:
    stack, hub = trial.stack, psutil.Process(trial.stack.pid("hub"))
    before, huge = hub.memory_info().rss, _huge(stack)
    trial.begin(paths=150)
    trial.under_way(5)
    count = "select (select count(*) from dead_letters) + (select count(*) from stale_reports)"
    had: int = stack.record.one(count)
    with stack.redis as redis, trial.fault("reports that are spoilt, forged or huge", 30):
        entries = [*_entries(stack, *_some_task(trial)), huge]
        for sealed in entries:
            redis.xadd(names.reports_stream(SITE), {"d": sealed})
        _forge(trial, redis)
        assert wait_until(lambda: stack.record.one(count) >= had + len(entries) + 1, 30), stack.record.one(count) - had
    trial.ends()
    assert stack.record.one("select count(*) from stale_reports where site = 'forger'") == 1
    assert stack.pid("hub") == hub.pid, "the hub did not outlive it"
    assert hub.memory_info().rss - before < 1 << 30


def _some_task(trial: Trial) -> tuple[int, int]:
    row = trial.stack.record.rows("select id, attempt from tasks where job_id = :job order by id desc", job=trial.job)[
        0
    ]
    return row.id, row.attempt


def _forge(trial: Trial, redis: Any) -> None:
    """A site, rightly signed, reports on another site's task, which is out."""
    out = "select task_id, attempt from parcels p join handouts h on h.parcel = p.id where p.job_id = :job"
    assert wait_until(lambda: bool(trial.stack.record.rows(out, job=trial.job)), 20)
    task = trial.stack.record.rows(out, job=trial.job)[0]
    key = seal.site_key(trial.stack.installation.secret, "forger")
    report = Reports("forger", "n", [Ended(task.task_id, task.attempt, 0.1, processed=1)])
    redis.sadd(names.SITES_KEY, "forger")
    redis.xadd(names.reports_stream("forger"), {"d": seal.seal(key, report)})
