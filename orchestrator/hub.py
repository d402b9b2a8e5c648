"""The hub: one loop that reads what the sites send, applies it in one transaction, and hands out what became ready.

Run as ``python -m orchestrator.hub``. One is active at a time, held by an advisory lock on the very connection that
it writes with: a hub that has lost the lock can not write either. What it keeps in memory can be read again.
"""

import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from orchestrator.broker.connection import connect
from orchestrator.broker.inbox import Inbox, bury, open_entries
from orchestrator.broker.publisher import Publisher
from orchestrator.broker.streams import START, Entry, Streams
from orchestrator.config import load_settings
from orchestrator.contracts import names
from orchestrator.services.take_over import give_back
from orchestrator.services.turn import Outbox, apply, hand_out
from orchestrator.storage.database import make_engine
from orchestrator.storage.positions import read_positions, write_positions

log = logging.getLogger("orchestrator.hub")

READ = 500
"""Entries of one stream in one turn."""
IDLE_S = 1.0
"""How long a turn waits for something to do; anything that comes ends the wait."""
_LOCK = 0x0A1E_4B0B
_SITE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class Hub:
    """The active hub, on one connection that holds the lock."""

    def __init__(self, connection: Connection, redis: Redis, secret: bytes, name: str) -> None:
        self._connection, self._secret, self._name = connection, secret, name
        self._streams, self._publisher = Streams(redis), Publisher(redis, secret)
        self._positions: dict[str, str] = {}
        self._unsent: list[Outbox] = []
        self._beat_at = self._trim_at = 0.0

    def take_over(self) -> None:
        """Begin where the hub before stopped: apply what has come since, then hand out again what nobody has begun."""
        with self._connection.begin():
            self._positions = read_positions(self._connection)
        while entries := self._streams.read(self._positions, count=READ, block_ms=0):
            self._apply(entries)
        with self._connection.begin():
            give_back(self._connection)

    def tick(self, wait_s: float = 0.0) -> int:
        """One turn; how many entries it applied. Waits up to ``wait_s`` for the first.

        A Redis error says that nothing could be read or sent: what is committed stays, and is sent at the next turn.
        """
        self._send()
        entries = self._streams.read(self._positions, count=READ, block_ms=int(wait_s * 1000))
        if entries:
            self._apply(entries)
        with self._connection.begin():
            self._unsent.append(hand_out(self._connection))
        self._send()
        self._house_keeping()
        return len(entries)

    def _apply(self, entries: Sequence[Entry]) -> None:
        """All of them in one transaction; when one of them can not be written, each on its own, and that one aside."""
        inbox = open_entries(entries, self._secret)
        try:
            self._write(entries, inbox)
        except OperationalError:
            raise
        except Exception as error:  # one entry that nobody foresaw must not stop all the others
            if len(entries) > 1:
                for entry in entries:
                    self._apply([entry])
            else:
                log.exception("entry %s of %s can not be applied", entries[0].id, entries[0].stream)
                self._write(entries, Inbox(dead=[(entries[0], f"{type(error).__name__}: {error}")]))

    def _write(self, entries: Sequence[Entry], inbox: Inbox) -> None:
        positions = {entry.stream: entry.id for entry in entries}
        with self._connection.begin():
            bury(self._connection, inbox.dead)
            outbox = apply(self._connection, inbox.reports, inbox.batches)
            write_positions(self._connection, positions)
        self._positions |= positions
        self._unsent.append(outbox)

    def _send(self) -> None:
        while self._unsent:
            outbox = self._unsent[0]
            self._publisher.publish(outbox.parcels, outbox.orders, outbox.grants, outbox.gone)
            del self._unsent[0]

    def _house_keeping(self) -> None:
        """About once a second: say that we are alive, see which sites there are, and drop what has been applied."""
        now = time.monotonic()
        if now - self._beat_at < IDLE_S:
            return
        self._beat_at = now
        with self._connection.begin():
            self._connection.execute(_BEAT, {"hub": self._name})
        self.meet_sites()
        self._streams.trim(self._positions)

    def meet_sites(self) -> None:
        """Listen to every site that says it exists; what it says counts only when it is signed."""
        for site in self._streams.announced_sites():
            if _SITE.fullmatch(site):
                self._positions.setdefault(names.reports_stream(site), START)
                self._positions.setdefault(names.batches_stream(site), START)


_BEAT = text("""
    insert into hub_heartbeat (id, hub, at) values (1, :hub, clock_timestamp())
    on conflict (id) do update set hub = excluded.hub, at = excluded.at
""")


def run(engine: Engine, redis: Redis, secret: bytes, stop: threading.Event) -> None:
    """Be the hub until ``stop``: wait for the lock, work, and start again when the database or the broker was away."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    while not stop.is_set():
        try:
            with engine.connect() as connection:
                connection.detach()  # so that closing it gives up the lock, too
                if _acquire(connection, stop):
                    _work(Hub(connection, redis, secret, name), stop)
        except OperationalError as error:
            log.warning("the database does not answer: %s", str(error.orig).strip())
            stop.wait(IDLE_S)


def _acquire(connection: Connection, stop: threading.Event) -> bool:
    while not stop.is_set():
        with connection.begin():
            if connection.execute(text("select pg_try_advisory_lock(:lock)"), {"lock": _LOCK}).scalar():
                log.info("active")
                return True
        stop.wait(0.5)
    return False


def _work(hub: Hub, stop: threading.Event) -> None:
    begun = False
    while not stop.is_set():
        try:
            if not begun:
                hub.take_over()
                begun = True
            hub.tick(IDLE_S)
        except RedisError as error:
            log.warning("the broker does not answer: %s", error)
            stop.wait(IDLE_S)


def main() -> None:
    """The process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = load_settings()
    stop = threading.Event()

    def asked(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)
    engine = make_engine(settings.require_database_url(), pool_size=1)
    run(engine, connect(settings.require_redis_url()), settings.require_secret(), stop)
    engine.dispose()


if __name__ == "__main__":
    sys.exit(main())
