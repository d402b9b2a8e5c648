"""Work beside the hub's turns, on a thread and a connection of its own: neither waits for the other.

It needs no lock of the hub's, since all that it writes is guarded by the rows of the jobs that it is about.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from sqlalchemy import URL, Connection

from orchestrator.storage.database import make_engine

_REST = 0.5
"""How long it rests after each piece, in parts of what that took: others want the database, too."""


class Beside:
    """Does what there is to do, piece by piece, whenever it is told to go on; ``done`` is called when something was.

    ``piece`` does the next one in a transaction, and says whether there may be more.
    """

    def __init__(self, name: str, database: URL, piece: Callable[[Connection], bool], done: Callable[[], None]) -> None:
        url = database.render_as_string(hide_password=False)
        self._engine = make_engine(url, pool_size=1, name=f"orchestrator {name}", by_key=True)
        self._piece, self._done = piece, done
        self._thread = ThreadPoolExecutor(1, name)
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
        self._work = self._thread.submit(self._do)

    def wait(self) -> None:
        """Return once there is nothing left to do, or it has failed."""
        if self._work is not None:
            wait([self._work])

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        """Stop after the present piece."""
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
