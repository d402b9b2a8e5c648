"""Hub and API are killed while a job runs: they come back, and the job ends as if nothing had been."""

import os
import signal
from collections import Counter
from pathlib import Path

import httpx
import pytest

from orchestrator.stack.wait import wait_until
from tests.acceptance.whole_stack import Whole, given, make_files

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("whole")]


@pytest.mark.parametrize(("part", "ended_tasks"), [("hub", 0), ("hub", 5), ("api", 5)])
def test_a_job_outlives(part: str, ended_tasks: int, whole: Whole, tmp_path: Path) -> None:
    files = make_files(whole.folder(), [f"{number:03d}.txt" for number in range(80)])
    workflow = whole.define(
        {"name": "sleep", "seconds": 0.05},
        {"name": "example.record", "folder": str(tmp_path), "site": "paris"},
        batch_size=2,
    )
    job = whole.submit(workflow, files[0].parent)
    assert wait_until(lambda: whole.job(job)["tasks"]["Success"] >= ended_tasks, 20)
    killed = whole.pid(part)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert wait_until(lambda: whole.pid(part) not in {None, killed}, 20), "it is not started again"
    assert wait_until(lambda: answers(whole), 20)
    ended = whole.end(job, 60)
    assert (ended["state"], ended["paths"]["processed"]) == ("Success", len(files))
    assert whole.states(job) == {(0, "Success"): 40, (1, "Success"): 40}
    assert given(tmp_path) == Counter(map(os.fsencode, files)), "each path once"


def answers(whole: Whole) -> bool:
    try:
        return httpx.get(f"{whole.profile['url']}/health/ready").is_success
    except httpx.TransportError:
        return False
