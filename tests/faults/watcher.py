"""Reads the invariants every second while a fault goes on, each time in one snapshot."""

import threading

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from orchestrator.storage.queries.invariants import GRACE_S, violations
from orchestrator.storage.queries.snapshot import snapshot

EVERY_SECONDS = 1.0


class Watcher:
    """Watches the record in a thread of its own, between ``with``; a database that is away is no violation."""

    def __init__(self, engine: Engine, grace_s: float = GRACE_S) -> None:
        self._engine, self._grace_s = engine, grace_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self.checks, self.away = 0, 0
        """How often it has read them, and how often there was nobody to answer."""
        self.seen: dict[str, None] = {}
        """What did not hold, each once, in the order in which it was seen."""
        self._broken: BaseException | None = None

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._broken is not None:
            raise self._broken
        assert not self.seen, "\n".join(self.seen)

    def look(self, settled: int | None = None) -> None:
        """Read them once: those of all jobs, or those of one that has settled."""
        try:
            with snapshot(self._engine) as tx:
                jobs = None if settled is None else [settled]
                found = violations(tx, settled is not None, self._grace_s, jobs)
            self.seen |= {str(violation): None for violation in found}
            self.checks += 1
        except DBAPIError:
            self.away += 1

    def _run(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            try:
                self.look()
            except BaseException as error:  # noqa: BLE001 - it is raised where the test can see it
                self._broken = error
                return
