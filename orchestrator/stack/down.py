"""Take the stack of a home down, from another process."""

import os
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM

from orchestrator.errors import Unreachable
from orchestrator.stack.home import is_released, running_in
from orchestrator.stack.say import say
from orchestrator.stack.wait import wait_until

PATIENCE = 60.0
"""Seconds for good order; then it is hurried."""
HURRY = 15.0
"""Seconds for haste; then it is killed, and its life-line ends the rest."""


def run(home: Path) -> int:
    """Ask it to stop and wait until nothing of it is left; 0 also when nothing ran.

    Unreachable when something is left in spite of all.
    """
    pid = running_in(home)
    if pid is None and is_released(home):
        say(f"nothing runs in {home}")
        return 0
    for number, patience in ((SIGTERM, PATIENCE), (SIGTERM, HURRY), (SIGKILL, HURRY)):
        if pid is not None:
            _signal(pid, number)
        if wait_until(lambda: is_released(home), patience):
            say(f"stopped what ran in {home}")
            return 0
    raise Unreachable(f"process {pid} in {home} does not end")


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
