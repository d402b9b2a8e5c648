"""Kill -9 of each part while 400 tasks are on their way: the job ends as if nothing had been."""

import os
import signal
from collections.abc import Callable

import pytest

from tests.faults.stack import SITE, Stack
from tests.faults.trial import Trial

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("faults"), pytest.mark.quick]

WORKER = f"{SITE}.worker"


def _kill_child(stack: Stack) -> None:
    os.kill(stack.children(WORKER)[0], signal.SIGKILL)


def _flush(stack: Stack) -> None:
    with stack.redis as redis:
        redis.flushall()


FAULTS: dict[str, tuple[Callable[[Stack], None], float]] = {
    "kill -9 of a worker's child": (_kill_child, 15),
    "kill -9 of a whole worker": (lambda stack: stack.kill(WORKER), 45),
    "kill -9 of the hub": (lambda stack: stack.kill("hub"), 30),
    "kill -9 of the API": (lambda stack: stack.kill("api"), 15),
    "kill -9 of Redis": (lambda stack: stack.kill("redis"), 45),
    "kill -9 of PostgreSQL": (lambda stack: stack.kill("postgres"), 45),
    "FLUSHALL": (_flush, 45),
}
"""What is done, and within how many seconds work goes on: a lease, a sweep and the start of a part, at most."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_job_outlives(name: str, trial: Trial) -> None:
    do, within_s = FAULTS[name]
    trial.begin(paths=200, seconds=0.05)
    trial.under_way()
    with trial.fault(name, within_s):
        do(trial.stack)
    trial.ends()
