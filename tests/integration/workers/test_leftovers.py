"""What a process of a worker has started does not outlive it, however it ends."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from orchestrator.contracts.report import Died
from orchestrator.stack.wait import wait_until
from tests.integration.workers.pool import Pool

pytestmark = pytest.mark.timeout(180)


def test_what_a_killed_process_had_started_is_ended(
    start_pool: Callable[..., Pool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (temporary := tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    pool = start_pool(extra=f'actions = ["{Path(__file__).parent / "talkative.py"}"]')
    note = tmp_path / "pid"
    pool.publish(pool.parcel("leaves", [b"/x"], params={"note": str(note)}))
    pool.until(lambda: any(isinstance(item, Died) for item in pool.items), "the death of the process")
    assert wait_until(lambda: not psutil.pid_exists(int(note.read_text())), 10)
    assert wait_until(lambda: "had left behind" in pool.log_text(), 10), pool.log_text()
    pool.process.kill()
    pool.process.wait()
    assert list(temporary.iterdir()) == [], "the worker leaves a folder"
