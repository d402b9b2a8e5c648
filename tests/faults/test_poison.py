"""Paths that kill their process, eat its memory, or hang past their time: alone they fail, all others are processed."""

import resource
import sys
from collections.abc import Iterator

import pytest

from orchestrator.stack.wait import wait_until
from tests.acceptance.whole_stack import make_files
from tests.faults.stack import SITE, Stack
from tests.faults.trial import Trial

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("faults")]

FAR = "narrow"
MEMORY = 1 << 30
"""What a process of the narrow site may have: a little more than it needs."""


def _harm(trial: Trial, how: str, poisons: int, paths: int, **options: object) -> tuple[str, object]:
    whole = trial.stack.whole
    names = [f"{number:03d}{'-poison' if number % 20 == 7 and number < 20 * poisons else ''}" for number in range(paths)]
    folder = make_files(whole.folder(), names)[0].parent
    step = {"name": "fault.harm", "notes": str(trial.notes), "how": how, **options}
    return whole.define(step, batch_size=paths), folder


def _check(trial: Trial, message: str, poisons: int, paths: int) -> None:
    job = trial.ends("Failure")
    assert (job["paths"]["processed"], job["paths"]["failed"]) == (paths - poisons, poisons), job
    failed = {
        name: said for name, (outcome, _, said) in trial.stack.whole.outcomes(trial.job).items() if outcome == "failed"
    }
    assert len(failed) == poisons
    assert all(b"poison" in name and said and message in said for name, said in failed.items()), failed


@pytest.mark.quick
def test_one_of_61_kills(trial: Trial) -> None:
    workflow, folder = _harm(trial, "kills", 1, 61)
    trial.job, trial.paths = trial.stack.whole.submit(workflow, folder), 61
    trial.wait_for_end(within_s=120)
    _check(trial, "kills its worker", 1, 61)


def test_three_of_61_kill(trial: Trial) -> None:
    workflow, folder = _harm(trial, "kills", 3, 61)
    trial.job, trial.paths = trial.stack.whole.submit(workflow, folder), 61
    trial.wait_for_end(within_s=180)
    _check(trial, "kills its worker", 3, 61)


def test_hangs_past_its_time_limit(trial: Trial) -> None:
    """Its parent kills it; the time limit is the task's, so a policy that halves is not asked for: all are blamed."""
    workflow, folder = _harm(trial, "hangs", 1, 2, timeout_s=1)
    trial.job, trial.paths = trial.stack.whole.submit(workflow, folder), 2
    trial.wait_for_end(within_s=60)
    print(trial.stack.whole.job(trial.job), trial.stack.whole.outcomes(trial.job))


def test_eats_memory(trial: Trial) -> None:
    stack = trial.stack
    limited = ["prlimit", f"--as={MEMORY}", "--"]
    with stack.also(stack.site(FAR), *limited):
        assert wait_until(lambda: stack.has_site(FAR), 30)
        workflow, folder = _harm(trial, "eats", 1, 61)
        trial.job, trial.paths = stack.whole.submit(workflow, folder, site=FAR), 61
        trial.wait_for_end(within_s=120)
        print(trial.stack.whole.job(trial.job), trial.stack.whole.outcomes(trial.job))
