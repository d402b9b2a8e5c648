"""A schedule for every second, across a hub that is killed while another stands by: each due time is fired once."""

import time
from datetime import timedelta
from itertools import pairwise
from statistics import median
from uuid import uuid4

import pytest

from orchestrator.stack.wait import wait_until
from tests.faults.report import FAULT
from tests.faults.stack import Stack
from tests.faults.trial import Tell, Trial

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("messages")]

FIRED = """
    select f.due_at, f.outcome, f.job_id, j.state, extract(epoch from f.at - f.due_at)::float8 as late
    from firings f left join jobs j on j.id = f.job_id where f.schedule_id = :id order by f.due_at
"""
GONE_S = 6.0
"""For so long nobody may fire: the lock of a hub that was killed is given up, and the other takes over."""
LATE_S = 1.0
"""What is due is fired well within, where nothing is in the way."""


@pytest.mark.parametrize("seconds", [pytest.param(20, marks=pytest.mark.quick), 120])
def test_each_due_time_is_fired_once(trial: Trial, tell: Tell, seconds: int) -> None:
    stack = trial.stack
    workflow = stack.whole.define({"name": "noop"}, discovery=None, type="all")
    with stack.also(stack.installation.hub()) as second:
        assert wait_until(lambda: stack.waiting_hubs() == 1, 30)
        said = {"name": f"often-{uuid4().hex[:8]}", "workflow": workflow, "site": "london", "paths": ["a"]}
        made = stack.whole.http.post("/schedules", json=said | {"every": "1s", "overlap": "queue"})
        assert made.status_code == 201, made.text
        id = made.json()["id"]
        assert wait_until(lambda: _fired(stack, id) >= seconds // 2, seconds)
        stack.kill("hub")
        killed = time.monotonic()
        assert wait_until(lambda: stack.active_hub() == second.pid, GONE_S)
        assert time.monotonic() - killed < GONE_S
        assert wait_until(lambda: _fired(stack, id) >= seconds, seconds + 2 * GONE_S)
        stack.whole.http.post(f"/schedules/{id}/pause").raise_for_status()
        assert wait_until(lambda: not stack.record.says(_OPEN, id=id), 60), "every job of it comes to its end"
    rows = stack.record.rows(FIRED, id=id)
    started = [row for row in rows if row.outcome == "started"]
    skipped = rows[len(started) :]
    assert {row.outcome for row in skipped} <= {"skipped"}, "only what was queued when it was paused"
    assert len(started) >= seconds - 2
    assert {later.due_at - earlier.due_at for earlier, later in pairwise(rows)} == {timedelta(seconds=1)}, (
        "none is left out"
    )
    assert len({row.job_id for row in started}) == len(started), "no two have one job"
    assert {row.state for row in started} == {"Success"}
    jobs = stack.record.one("select count(*) from jobs where name = :name", name=said["name"])
    assert jobs == len(started), "no job without a firing"
    late = [row.late for row in started]
    assert median(late) < LATE_S
    tell(FAULT, {"fault": "kill -9 of the hub, and what is due every second", "recovered_s": round(max(late), 1)})


_OPEN = """
    select exists (
      select from firings f join jobs j on j.id = f.job_id where f.schedule_id = :id and j.ended_at is null
    )
"""


def _fired(stack: Stack, id: int) -> int:
    return stack.record.one("select count(*) from firings where schedule_id = :id and job_id is not null", id=id)
