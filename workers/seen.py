"""What this host has run already, remembered until it expires, so that a copy of a message runs nothing twice."""

import os
import sqlite3
import threading
import time
from pathlib import Path

from orchestrator.errors import ConfigError

_PRUNE_EVERY = 1000
_WAIT_SECONDS = 30


class Seen:
    """A set of ids that all processes of a host share, and that outlives them; ``None`` keeps it in this process."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._pid = 0
        self._calls = 0
        self._database: sqlite3.Connection | None = None

    def first(self, id: str, expires: float) -> bool:
        """Whether this id is new; it is remembered from now until ``expires`` (Unix seconds)."""
        with self._lock:
            database = self._open()
            self._calls += 1
            if self._calls % _PRUNE_EVERY == 0:
                database.execute("DELETE FROM seen WHERE expires < ?", (time.time(),))
            return database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (id, expires)).rowcount == 1

    def check(self) -> None:
        """ConfigError when it can not be written."""
        try:
            with self._lock:
                self._open()
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"{self._file} can not be written ({error}): name a folder that can be with state = in the site's file"
            ) from error

    def _open(self) -> sqlite3.Connection:
        # A connection must not be carried over a fork.
        if self._database is None or self._pid != os.getpid():
            if self._file is not None:
                self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            database = sqlite3.connect(
                self._file or ":memory:", timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            # Nothing worse than forgetting comes of a crash of the host, and then the hub's fence is still there.
            database.execute("PRAGMA synchronous = OFF")
            database.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, expires REAL) WITHOUT ROWID")
            self._database, self._pid = database, os.getpid()
        return self._database
