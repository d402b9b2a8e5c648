"""Work beside the hub's turns, on threads and connections of its own: neither waits for the other.

It needs no lock of the hub's, since all that it writes is guarded by the rows of the jobs that it is about.
"""

import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Connection

from orchestrator.services.dequeue import dequeue
from orchestrator.services.go_on import go_on
from orchestrator.services.workspace import Workspaces
from orchestrator.storage.database import make_engine

Piece = Callable[[Connection], bool]
"""Does the next thing there is to do, in a transaction; False when there is none."""
_REST = 0.5
"""How long it rests after each piece, in parts of what that took: others want the database, too."""


class Beside:
    """Empties cancelled jobs, and goes on with edit jobs; ``done`` is called when something was done."""

    def __init__(self, database: URL, workspaces: Path, done: Callable[[], None]) -> None:
        pieces: dict[str, Piece] = {"dequeuer": dequeue, "editor": partial(go_on, workspaces=Workspaces(workspaces))}
        url = database.render_as_string(hide_password=False)
        self._threads = {name: _Thread(name, url, piece, done) for name, piece in pieces.items()}

    def go_on(self, names: Collection[str]) -> None:
        """Begin with what these do, unless they are at it; what one of them failed at before is raised here."""
        for name in names:
            self._threads[name].go_on()

    def wait(self) -> None:
        """Return once there is nothing left to do, or it has failed."""
        for thread in self._threads.values():
            thread.wait()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        """Stop after the present pieces."""
        for thread in self._threads.values():
            thread.end()


class _Thread:
    """One of them."""

    def __init__(self, name: str, url: str, piece: Piece, done: Callable[[], None]) -> None:
        self._engine = make_engine(url, pool_size=1, name=f"orchestrator {name}", by_key=True)
        self._piece, self._done = piece, done
        self._thread = ThreadPoolExecutor(1, name)
        self._ending = threading.Event()
        self._work: Future[None] | None = None

    def go_on(self) -> None:
        before, self._work = self._work, None
        if before is not None and not before.done():
            self._work = before
            return
        if before is not None:
            before.result()
        self._work = self._thread.submit(self._do)

    def wait(self) -> None:
        if self._work is not None:
            wait([self._work])

    def end(self) -> None:
        self._ending.set()
        self._thread.shutdown()
        self._engine.dispose()

    def _do(self) -> None:
        did, more = False, True
        while more and not self._ending.is_set():
            began = time.monotonic()
            with self._engine.begin() as tx:
                more = self._piece(tx)
            did = did or more
            if more:
                self._ending.wait(_REST * (time.monotonic() - began))
        if did:
            self._done()
