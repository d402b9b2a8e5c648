"""Everything is stopped in the middle of a job, and started again: the job goes on, and ends."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

from orchestrator.stack.home import holder
from orchestrator.stack.wait import wait_until
from tests.faults.conftest import serving, watched
from tests.faults.trial import Tell

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stops")]


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.quick)])
def test_all_is_stopped_and_started_again(number: signal.Signals, tmp_path: Path, tell: Tell) -> None:
    notes = tmp_path / "notes"
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        top = Path(folder)
        top.chmod(0o711)
        code = 0 if number is signal.SIGTERM else -signal.SIGKILL
        with serving(top, ends=code) as stack, watched(stack, notes, tell, settles=False) as trial:
            job = trial.begin(paths=200)
            trial.under_way()
            pid = holder(stack.whole.home)
            assert pid is not None
            os.kill(pid, number)
            assert wait_until(lambda: not stack.record.says("select true"), 60), "it does not stop"
        with serving(top) as stack, watched(stack, notes, tell) as trial:
            trial.job, trial.paths = job, 200
            with trial.fault(f"everything stopped with {number.name}, and started again", 45):
                pass
            trial.ends()
