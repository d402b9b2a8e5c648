"""All pools of one site on this host: a child process each, started again when it dies, stopped together."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import FrameType

from workers.leftovers import end_leftovers
from workers.lifeline import end_with_parent

_LOOK_SECONDS = 0.2
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_HEALTHY_SECONDS = 60.0
PATIENCE_SECONDS = 60.0
"""How long what is being worked on may take to end."""


@dataclass(slots=True)
class _Pool:
    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    pause: float = _FIRST_PAUSE
    not_before: float = field(default=0.0)


class Supervisor:
    """Keeps the commands running until SIGTERM or SIGINT; a second one does not wait for what is being worked on.

    What has not ended ``patience_s`` after the first one is killed.
    """

    def __init__(self, commands: Mapping[str, Sequence[str]], patience_s: float = PATIENCE_SECONDS) -> None:
        self._patience_s = patience_s
        self._pools = [_Pool(name, command) for name, command in commands.items()]
        self._asked = 0

    def run(self) -> None:
        """Return once everything has been stopped."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)
        told, kill_at = 0, math.inf
        while not self._asked or any(pool.process for pool in self._pools):
            if told < self._asked:
                kill_at = min(kill_at, time.monotonic() + self._patience_s)
                told = self._asked
                self._tell(signal.SIGTERM if told == 1 else signal.SIGQUIT)
            if time.monotonic() >= kill_at:
                self._tell(signal.SIGKILL)
            for pool in self._pools:
                self._look_after(pool)
            time.sleep(_LOOK_SECONDS)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked += 1

    def _tell(self, number: signal.Signals) -> None:
        for pool in self._pools:
            if pool.process:
                pool.process.send_signal(number)

    def _look_after(self, pool: _Pool) -> None:
        now = time.monotonic()
        if pool.process and (code := pool.process.poll()) is not None:
            end_leftovers(pool.process.pid)
            end_leftovers(os.getpid(), pool.process.pid)
            pool.process = None
            if not self._asked:
                pool.pause = (
                    _FIRST_PAUSE if now - pool.started > _HEALTHY_SECONDS else min(2 * pool.pause, _LONGEST_PAUSE)
                )
                pool.not_before = now + pool.pause
                print(f"{pool.name} ended ({code}); again in {pool.pause:.0f} s", file=sys.stderr, flush=True)  # noqa: T201
        if not pool.process and not self._asked and now >= pool.not_before:
            pool.started = now
            # A session of its own, so that a Ctrl-C reaches it once, from here.
            pool.process = subprocess.Popen(
                pool.command,
                # Safe: this process has no other thread.
                preexec_fn=partial(end_with_parent, os.getpid(), signal.SIGTERM),  # noqa: PLW1509
                start_new_session=True,
            )
