"""Paths that kill their process, eat its memory, or hang past their time: alone they fail, all others are processed."""

import pytest

from orchestrator.stack.wait import wait_until
from tests.acceptance.whole_stack import make_files
from tests.faults.stack import SITE
from tests.faults.trial import Trial

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("faults")]

MEMORY = 1 << 30
"""What a process of the narrow site may have: somewhat more than it needs."""


def _submit(
    trial: Trial, how: str, paths: int, poisons: int, *, site: str = SITE, batch_size: int = 0, **step: str
) -> None:
    """A job over so many files, of which the first few of every twenty do harm."""
    whole = trial.stack.whole
    bad = [place * 20 + 7 for place in range(poisons)]
    names = [f"{number:03d}{'-poison' if number in bad else ''}" for number in range(paths)]
    folder = make_files(whole.folder(), names)[0].parent
    action = {"name": "fault.harm", "notes": str(trial.notes), "how": how, **step}
    workflow = whole.define(action, batch_size=batch_size or paths)
    trial.job, trial.paths = whole.submit(workflow, folder, site=site), paths


def _only_poison_failed(trial: Trial, poisons: int, message: str, within_s: float) -> None:
    job = trial.ends("Failure", within_s)
    assert (job["paths"]["processed"], job["paths"]["failed"]) == (trial.paths - poisons, poisons), job
    outcomes = trial.stack.whole.outcomes(trial.job)
    failed = {path: said for path, (outcome, _, said) in outcomes.items() if outcome == "failed"}
    assert len(failed) == poisons
    assert all(b"poison" in path and said and message in said for path, said in failed.items()), failed


@pytest.mark.parametrize("poisons", [pytest.param(1, marks=pytest.mark.quick), 3])
def test_of_61_paths_in_a_batch_some_kill(poisons: int, trial: Trial) -> None:
    _submit(trial, "kills", 61, poisons)
    _only_poison_failed(trial, poisons, "kills its worker", 120)


def test_one_of_20_tasks_hangs_past_its_time_limit(trial: Trial) -> None:
    _submit(trial, "hangs", 20, 1, batch_size=1, timeout="1s")
    _only_poison_failed(trial, 1, "took longer than 11 s and was killed", 60)


def test_one_of_61_paths_eats_the_memory(trial: Trial) -> None:
    stack = trial.stack
    with stack.also(stack.site(trial.far), "prlimit", f"--as={MEMORY}", "--"):
        assert wait_until(lambda: stack.has_site(trial.far), 30)
        _submit(trial, "eats", 61, 1, site=trial.far)
        _only_poison_failed(trial, 1, "out of memory", 60)
