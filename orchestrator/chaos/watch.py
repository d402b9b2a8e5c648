"""Watching while things break: every second all invariants, as of one moment."""

import threading

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.chaos.target import Target
from orchestrator.storage.queries.invariants import GRACE_S, violations
from orchestrator.storage.queries.snapshot import snapshot

EVERY_S = 1.0


class Watch:
    """Asks from a thread of its own, until it is stopped.

    ``grace_s`` is for how long a lapsed lease may be unnoticed, as things are made to be.
    """

    def __init__(self, target: Target, grace_s: float = GRACE_S) -> None:
        self._target, self._grace_s = target, grace_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.checks = 0
        """How often everything was asked and answered."""
        self.unanswered = 0
        """How often the database was away."""
        self.violations: dict[str, int] = {}
        """Each that was seen, and how often."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stop.set()
        self._thread.join()

    def look(self, *, settled: bool = False) -> None:
        """Ask once, now."""
        try:
            with snapshot(self._target.engine) as tx:
                found = violations(tx, settled, self._grace_s)
        except SQLAlchemyError:
            self.unanswered += 1
            return
        self.checks += 1
        for one in found:
            self.violations[str(one)] = self.violations.get(str(one), 0) + 1

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.look()
