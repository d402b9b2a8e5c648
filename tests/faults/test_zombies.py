"""Who stands still for longer than a lease, and goes on as if nothing had been; and whose clock is wrong."""

import os
import signal
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import psutil
import pytest

from orchestrator.stack.wait import wait_until
from tests.faults.trial import Trial

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("messages")]

SKEW_S = 7200
AHEAD = f"""
import time
right = time.time
time.time = lambda: right() + {SKEW_S}
"""


@pytest.mark.quick
@pytest.mark.skipif(os.geteuid() != 0, reason="a second host at a site is a namespace with another host name: root")
def test_a_worker_that_stands_still_for_a_lease_has_lost(trial: Trial) -> None:
    stack = trial.stack
    with ExitStack() as both:
        hosts = [both.enter_context(stack.also(stack.site(trial.far), *_on_host(name))) for name in ("one", "two")]
        assert wait_until(lambda: _nodes(trial) == 4, 30)
        trial.begin(paths=20, seconds=2.0, site=trial.far)
        trial.under_way(2)
        # Not between two tasks, when of the next one nothing has been said yet.
        assert wait_until(lambda: bool(_claimed(trial, "p.claimed_at > clock_timestamp() - interval '1 s'")), 30)
        with trial.fault("a worker stands still for longer than a lease", 20):
            still = _all_of(hosts[0].pid)
            _send(still, signal.SIGSTOP)
            held = _held(trial)
            assert wait_until(lambda: _done_by_others(trial, held), 45), (
                "its lease does not lapse, or nobody else does it"
            )
            _send(still, signal.SIGCONT)
        assert wait_until(lambda: _reported_late(trial, held), 20), "its reports were not late"
        trial.ends()
        assert trial.twice() >= len(held), "it never went on: this shows nothing"


Held = list[tuple[int, int]]
"""Tasks and attempts."""


def _claimed(trial: Trial, when: str = "p.claimed_at is not null") -> Held:
    """What the worker on the first host is known to have claimed."""
    claimed = f"""
        select h.task_id, h.attempt from parcels p join handouts h on h.parcel = p.id
        where p.job_id = :job and {when} and p.node like '%@one'
    """
    return [(row.task_id, row.attempt) for row in trial.stack.record.rows(claimed, job=trial.job)]


def _held(trial: Trial) -> Held:
    """What it had claimed when it was stopped."""
    found: Held = []

    def reported() -> bool:
        found[:] = _claimed(trial)
        return bool(found)

    assert wait_until(reported, 5), "it did nothing when it was stopped"
    return found


def _done_by_others(trial: Trial, held: Held) -> bool:
    done = "select count(*) > 0 from tasks where id = :task and state = 'Success' and attempt > :attempt"
    return all(trial.stack.record.one(done, task=task, attempt=attempt) for task, attempt in held)


def _reported_late(trial: Trial, held: Held) -> bool:
    late = "select count(*) > 0 from stale_reports where task_id = :task and attempt = :attempt"
    return all(trial.stack.record.one(late, task=task, attempt=attempt) for task, attempt in held)


def _on_host(name: str) -> list[str]:
    return ["unshare", "--uts", "sh", "-c", f'hostname {name} && exec "$@"', "sh"]


def _nodes(trial: Trial) -> int:
    return trial.stack.record.one("select count(*) from nodes where site = :site", site=trial.far)


def _all_of(pid: int) -> list[int]:
    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))]


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def test_a_worker_whose_clock_is_two_hours_ahead(trial: Trial, tmp_path: Path) -> None:
    stack = trial.stack
    # What Python reads as the time. (libfaketime moves more: the absolute times by which threads and sleeps are timed.)
    (tmp_path / "sitecustomize.py").write_text(AHEAD)
    with stack.also(stack.site(trial.far), PYTHONPATH=str(tmp_path)):
        assert wait_until(lambda: stack.has_site(trial.far), 30)
        skews = stack.record.rows("select clock_skew_s from nodes where site = :site", site=trial.far)
        assert all(abs(skew - SKEW_S) < 60 for skew in chain(*skews)), skews
        trial.begin(paths=40, site=trial.far)
        trial.ends()
    wrong = (
        "select count(*) from tasks where job_id = :job and not (created_at <= started_at and started_at <= ended_at)"
    )
    assert stack.record.one(wrong, job=trial.job) == 0, "two clocks were mixed"
