"""Emptying cancelled jobs beside the hub's turns, on a thread and a connection of its own.

Neither waits for the other: each passes over the jobs whose rows the other has locked. It needs no lock of the hub's,
since all that it writes is guarded by these rows.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from sqlalchemy import URL

from orchestrator.services.dequeue import dequeue
from orchestrator.storage.database import make_engine

_REST = 0.5
"""How long it rests after each chunk, in parts of what that took: others want the database, too."""


class Dequeuer:
    """Takes out what waits in cancelled jobs, whenever it is told to go on; ``done`` is called when something was."""

    def __init__(self, database: URL, done: Callable[[], None]) -> None:
        url = database.render_as_string(hide_password=False)
        self._engine = make_engine(url, pool_size=1, name="orchestrator dequeuer", by_key=True)
        self._done = done
        self._thread = ThreadPoolExecutor(1, "dequeuer")
        self._ending = threading.Event()
        self._work: Future[None] | None = None

    def go_on(self) -> None:
        """Begin, unless it is at it; what it failed at before is raised here."""
        before, self._work = self._work, None
        if before is not None and not before.done():
            self._work = before
            return
        if before is not None:
            before.result()
        self._work = self._thread.submit(self._dequeue)

    def wait(self) -> None:
        """Return once there is nothing left to take out, or it has failed."""
        if self._work is not None:
            wait([self._work])

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        """Stop after the present chunk."""
        self._ending.set()
        self._thread.shutdown()
        self._engine.dispose()

    def _dequeue(self) -> None:
        did, more = False, True
        while more and not self._ending.is_set():
            began = time.monotonic()
            with self._engine.begin() as tx:
                more = dequeue(tx)
            did = did or more
            if more:
                self._ending.wait(_REST * (time.monotonic() - began))
        if did:
            self._done()
