"""What cuts a pause short. In a process of its own, since who has counted interrupts ignores them afterwards."""

import subprocess
import sys

import pytest

_PROGRAM = """
import os, signal, subprocess, sys
from orchestrator.stack.interrupts import Interrupts
with Interrupts() as interrupts:
    {before}
    interrupts.pause(600)
    print(interrupts.asked, interrupts.hurried)
    interrupts.pause(0)  # what has been seen does not cut the next one short, too
"""
_CHILD = "child = subprocess.Popen([sys.executable, '-c', ''])"


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (_CHILD, "False False"),
        (f"{_CHILD}; child.wait()", "False False"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "True False"),
        ("os.kill(os.getpid(), signal.SIGHUP); os.kill(os.getpid(), signal.SIGINT)", "True True"),
    ],
)
def test_a_pause_is_cut_short(before: str, said: str) -> None:
    program = _PROGRAM.format(before=before)
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert ended.stdout.strip() == said
