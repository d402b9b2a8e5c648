"""Two hubs at once: one is active, and the other takes over."""

import time

import pytest

from orchestrator.stack.wait import wait_until
from tests.faults.trial import Trial

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("messages"), pytest.mark.quick]

TAKEN_OVER_SECONDS = 5.0


def test_the_second_takes_over(trial: Trial) -> None:
    stack = trial.stack
    with stack.also(stack.installation.hub()) as second:
        trial.begin()
        trial.under_way(5)
        assert wait_until(lambda: stack.waiting_hubs() == 1, 30)
        first = stack.active_hub()
        assert first == stack.pid("hub")
        assert first != second.pid
        with trial.fault("kill -9 of the active one of two hubs", TAKEN_OVER_SECONDS):
            stack.kill("hub")
            killed = time.monotonic()
            assert wait_until(lambda: stack.active_hub() == second.pid, TAKEN_OVER_SECONDS)
            assert time.monotonic() - killed < TAKEN_OVER_SECONDS
        trial.ends()
    assert wait_until(lambda: stack.active_hub() == stack.pid("hub"), 30), "the first one, started again, took over"
