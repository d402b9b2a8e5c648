"""A parent that dies takes its children along, at whatever moment of their start; real processes do the dying."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.stack.lifeline import end_all, marked, marks
from orchestrator.stack.wait import wait_until

CHILD = """
import os, signal, sys, time
from workers.lifeline import end_with_parent

signal.signal(signal.SIGTERM, lambda *_: None)
parent, note = os.getpid(), sys.argv[1]
def say(): os.close(os.open(note, os.O_CREAT))
def until(so):
    while not so(): time.sleep(0.001)
child = os.fork() == 0
"""
IN_TIME = """
if child:
    end_with_parent(parent, signal.SIGTERM)
    say()
time.sleep(600)
"""
TOO_LATE = """
if child:
    say()
    until(lambda: os.getppid() != parent)
    end_with_parent(parent, signal.SIGTERM)
    time.sleep(600)
time.sleep(600)
"""
SUPERVISORS = """
import os, signal
from pathlib import Path
from workers.supervisor import Supervisor

for moment in range(24):
    supervisor = os.fork()
    if supervisor == 0:
        Supervisor({str(number): ["sleep", "600"] for number in range(8)}).run()
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children")
    while len(children.read_text().split()) <= moment % 8:
        pass
    os.kill(supervisor, signal.SIGKILL)
    os.waitpid(supervisor, 0)
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[str]:
    """What marks the processes of a test; those that are left after it are ended."""
    yield str(tmp_path)
    end_all(lambda: marked(str(tmp_path)), 0, signal.SIGKILL)


def begin(program: str, home: str, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", program, *arguments], env={**os.environ, **marks(home, "family")})


@pytest.mark.parametrize("program", [IN_TIME, TOO_LATE])
def test_a_child_that_has_its_parents_handlers_yet_ends_all_the_same(program: str, home: str) -> None:
    note = Path(home) / "note"
    with begin(CHILD + program, home, str(note)) as parent:
        assert wait_until(note.exists, 30)
        assert len(list(marked(home))) == 2
        parent.kill()
    assert wait_until(lambda: not any(marked(home)), 10)


def test_pools_end_with_a_supervisor_that_is_killed_at_any_moment_of_their_start(home: str) -> None:
    with begin(SUPERVISORS, home) as killer:
        assert killer.wait(60) == 0
    assert wait_until(lambda: not any(marked(home)), 10)
