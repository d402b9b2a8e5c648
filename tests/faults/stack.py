"""A stack for putting through faults: its processes by name, and its servers past everything that is between."""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from redis import Redis

from orchestrator.broker.connection import connect
from orchestrator.stack.wait import wait_until
from tests.acceptance.whole_stack import Whole
from tests.faults import fault_actions
from tests.faults.record import Record

ACTIONS = Path(fault_actions.__file__)
SITE = "london"
SMALL: Sequence[object] = ("--no-flower", "--site", SITE, "--actions", ACTIONS, "--concurrency", 4)
"""How the stack is started: one site, four tasks at a time."""


@dataclass(frozen=True)
class Stack:
    """A running stack, and the ways to hurt it."""

    whole: Whole
    record: Record
    redis_url: str

    @property
    def redis(self) -> Redis:
        """A client of its broker, to be closed by who takes it."""
        return connect(self.redis_url)

    def pid(self, part: str) -> int:
        """The process of a part, once it has one."""
        found: list[int] = []

        def runs() -> bool:
            pid = self.whole.pid(part)
            found[:] = [] if pid is None else [pid]
            return bool(found)

        assert wait_until(runs, 30), f"{part} is not started again"
        return found[0]

    def children(self, part: str) -> list[int]:
        """The processes of a pool."""
        return sorted(child.pid for child in psutil.Process(self.pid(part)).children())

    def kill(self, part: str) -> None:
        """SIGKILL to the process of a part."""
        os.kill(self.pid(part), signal.SIGKILL)

    def family(self, part: str) -> list[int]:
        """A pool's own process and its children."""
        return [self.pid(part), *self.children(part)]

    def send(self, part: str, number: signal.Signals) -> list[int]:
        """The signal to a pool with all its processes, the pool's own first; their ids."""
        pids = self.family(part)
        for pid in pids:
            os.kill(pid, number)
        return pids
