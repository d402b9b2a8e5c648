"""What this host has run already, remembered until it expires, so that a copy of a message runs nothing twice."""

import os
import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import ConfigError

_PRUNE_EVERY = 1000
_WAIT_SECONDS = 30
_EPOCH_SECONDS = 60
"""So much earlier than the last message of its epoch this may be forgotten: it need not be noted with each."""
_TABLES = """
CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, expires REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS epochs (epoch INTEGER PRIMARY KEY, expires REAL);
"""
_SEEN_EPOCH = """
INSERT INTO epochs VALUES (?, ?) ON CONFLICT DO UPDATE SET expires = max(expires, excluded.expires)
"""


@dataclass(slots=True)
class _Own:
    """What one process has."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    database: sqlite3.Connection | None = None
    epochs: dict[int, float] = field(default_factory=dict[int, float])
    """Which it has noted, and until when."""


class Seen:
    """A set of ids that all processes of a host share, and that outlives them; ``None`` keeps it in this process."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._calls = 0
        self._own: dict[int, _Own] = {}
        """By process: neither a connection nor a lock that some thread holds can be carried over a fork."""

    def first(self, id: str, expires: float, epoch: int = 0) -> bool:
        """Whether this id is new; it and the broker's epoch are remembered until ``expires`` (Unix seconds)."""
        with self._mine() as own:
            database = self._open(own)
            self._calls += 1
            if self._calls % _PRUNE_EVERY == 0:
                database.execute("DELETE FROM seen WHERE expires < ?", (time.time(),))
            with database:
                database.execute("BEGIN IMMEDIATE")
                new = database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (id, expires)).rowcount == 1
                if new_epoch := own.epochs.get(epoch, 0.0) < expires - _EPOCH_SECONDS:
                    database.execute(_SEEN_EPOCH, (epoch, expires))
            if new_epoch:
                own.epochs = {epoch: expires}
            return new

    def newest_epoch(self) -> int:
        """The newest of the broker's epochs in which anything was run here that has not expired; 0 for none."""
        with self._mine() as own:
            found = self._open(own).execute("SELECT max(epoch) FROM epochs WHERE expires > ?", (time.time(),))
            return found.fetchone()[0] or 0

    def check(self) -> None:
        """ConfigError when it can not be written."""
        try:
            with self._mine() as own:
                self._open(own)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"{self._file} can not be written ({error}): name a folder that can be with state = in the site's file"
            ) from error

    @contextmanager
    def _mine(self) -> Generator["_Own", None, None]:
        own = self._own.setdefault(os.getpid(), _Own())
        with own.lock:
            yield own

    def _open(self, own: "_Own") -> sqlite3.Connection:
        if own.database is None:
            if self._file is not None:
                self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            database = sqlite3.connect(
                self._file or ":memory:", timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            # Nothing worse than forgetting comes of a crash of the host, and then the hub's fence is still there.
            database.execute("PRAGMA synchronous = OFF")
            database.executescript(_TABLES)
            own.database = database
        return own.database
