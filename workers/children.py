"""A worker's child processes, as their parent knows them: a page each, and word when one is gone."""

import gc
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from workers.aftermath import Verdict
from workers.page import Page


@dataclass(slots=True)
class Child:
    """One child."""

    pid: int
    page: Page
    verdict: Verdict | None = None
    """Why it was killed from here."""
    code: int = 0
    """How it ended: exit code, or minus the signal."""


class Children:
    """Kept by the parent; ``gone`` is told of each that has ended, in the thread that keeps the pool."""

    def __init__(self) -> None:
        self.own: Page | None = None
        """In a child: its own page."""
        self.gone: Callable[[Child], None] = lambda _child: None
        self._living: dict[int, Child] = {}

    def living(self) -> list[Child]:
        """Those that have not been found to be gone."""
        return list(self._living.values())

    def kill(self, child: Child, verdict: Verdict) -> None:
        """Kill one, for that reason. It is said what became of its tasks once it is gone, not before."""
        if child.verdict is None and self._living.get(child.pid) is child:
            child.verdict = verdict
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)

    def fork(self, fork: Callable[[], Any]) -> Any:
        """Make a child, which takes its page with it; what the fork gives is Celery's process."""
        page = self.own = Page()
        # What is there now is nothing that a child's collector has to look at: it would only copy what both can share.
        gc.freeze()
        process = fork()
        gc.unfreeze()
        self.own = None
        self._living[process.pid] = Child(process.pid, page)
        return process

    def lost(self, pid: int, code: int) -> None:
        """One has ended."""
        if child := self._living.pop(pid, None):
            child.code = code
            self.gone(child)
