"""Pause, resume and cancel, raced against kills; and a pause in the middle of a walk."""

import os
import random
import signal
import time
from collections.abc import Callable

import httpx
import pytest

from orchestrator.stack.wait import wait_until
from tests.acceptance.whole_stack import make_files
from tests.faults.stack import SITE, Stack
from tests.faults.trial import TASKS_GO_ON, WALK_GOES_ON, Trial

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("messages")]

WORKER = f"{SITE}.worker"


def _kill_child(stack: Stack) -> None:
    if children := stack.children(WORKER):
        os.kill(children[0], signal.SIGKILL)


KILLS: list[Callable[[Stack], None]] = [
    _kill_child,
    lambda stack: stack.kill(WORKER),
    lambda stack: stack.kill("hub"),
    lambda stack: stack.kill("api"),
    lambda stack: stack.kill("redis"),
    lambda stack: stack.kill("postgres"),
]


def _ask(trial: Trial, verb: str) -> None:
    """Until it is answered: an API or a database that was killed is there again soon."""
    end = time.monotonic() + 60

    def done() -> bool:
        try:
            answer = trial.stack.whole.http.post(f"/jobs/{trial.job}/{verb}", json={})
        except httpx.TransportError:
            return False
        assert answer.is_success or answer.status_code == 503, answer.text
        return answer.is_success

    assert wait_until(done, end - time.monotonic()), f"{verb} is not answered"


@pytest.mark.parametrize("end", [pytest.param("Cancelled", marks=pytest.mark.quick), "Success"])
def test_raced_against_kills(end: str, trial: Trial, chance: random.Random) -> None:
    trial.begin(paths=300, seconds=0.1)
    trial.under_way(5)
    kills = chance.sample(KILLS, 3 if end == "Cancelled" else 6)
    for place, kill in enumerate(kills):
        for step in chance.sample([lambda: kill(trial.stack), lambda: _ask(trial, "pause")], 2):  # noqa: B023 - now
            step()
        trial.stack.stand(chance.uniform(0, 1.5))
        if end == "Cancelled" and place == len(kills) - 1:
            kill(trial.stack)
            _ask(trial, "cancel")
        else:
            _ask(trial, "resume")
            with trial.fault("pause and resume, raced against kills", 60, TASKS_GO_ON):
                pass
    trial.ends(end, within_s=120)


@pytest.mark.quick
def test_paused_while_it_is_being_discovered(trial: Trial) -> None:
    whole = trial.stack.whole
    # Beyond what a walk is granted in advance.
    trial.paths = 20_000
    folder = make_files(whole.folder(), [f"{number % 20}/{number}" for number in range(trial.paths)])[0].parents[1]
    trial.job = whole.submit(trial.workflow(0.0), folder)
    found = "select sequence from walks where job_id = :job order by subtree"
    assert wait_until(lambda: (trial.stack.record.rows(found, job=trial.job) or [(0,)])[0][0] > 2, 30)
    _ask(trial, "pause")
    assert wait_until(lambda: trial.state == "Paused", 40), trial.state
    batches = "select count(*) from batches where job_id = :job"
    at_rest = trial.stack.record.one(batches, job=trial.job)
    assert 0 < at_rest < trial.paths, "it was paused in the middle"
    trial.stack.stand(1)
    assert trial.stack.record.one(batches, job=trial.job) == at_rest
    with trial.fault("paused while it is being discovered", 30, WALK_GOES_ON):
        _ask(trial, "resume")
    trial.ends(within_s=120)
    assert trial.twice() == 0
