"""The active hub and its turn: read what the sites send, apply it in one transaction, hand out what became ready.

It writes with the very connection that holds the lock of the active hub: one that has lost the lock can not write
either. What it keeps in memory can be read again.
"""

import logging
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from redis import Redis
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from orchestrator.beside import Beside
from orchestrator.broker.fleet import Fleet
from orchestrator.broker.inbox import Inbox, bury, open_entries
from orchestrator.broker.permits import Permits
from orchestrator.broker.publisher import Publisher
from orchestrator.broker.streams import START, Entry, Streams
from orchestrator.contracts import names
from orchestrator.contracts.failpoints import failpoint
from orchestrator.domain.pace import MOST
from orchestrator.domain.rhythm import Rhythm
from orchestrator.keeper import Keeper
from orchestrator.lost import lost
from orchestrator.scheduler import Scheduler
from orchestrator.services.canary import forget_canaries
from orchestrator.services.expire import pass_time
from orchestrator.services.lease import renew_all
from orchestrator.services.memory import Memory
from orchestrator.services.turn import Outbox, apply, hand_out, judge
from orchestrator.services.unclaimed import PATIENCE_S, Unclaimed, give_back, unclaimed, unheard
from orchestrator.storage.active import beat
from orchestrator.storage.epoch import next_epoch, read_epoch
from orchestrator.storage.positions import read_positions, read_sites, write_positions

log = logging.getLogger("orchestrator.hub")

READ = 128
"""Entries of one stream that are read at once."""
APPLY_BYTES = 256 * 1024
"""Of entries that are applied in one transaction: some thousands of tasks."""
IDLE_S = 1.0
"""How long a turn waits for something to do; anything that comes ends the wait."""
LOOK_S = 3.0
"""How often it looks after the sites' workers."""


class Hub:
    """The active hub, on one connection that holds the lock; ``most`` tasks travel together at most."""

    def __init__(
        self, connection: Connection, redis: Redis, secret: bytes, name: str, workspaces: Path, most: int = MOST
    ) -> None:
        self._connection, self._secret, self._name = connection, secret, name
        self._streams, self._publisher = Streams(redis), Publisher(redis, secret)
        self._permits, self._memory = Permits(redis), Memory(most)
        self.beside = Beside(connection.engine.url, workspaces, self._streams.wake)
        self.scheduler = Scheduler(connection, self._permits.revoke)
        self.keeper = Keeper(connection, self._publisher, self._permits, Fleet(redis), self._memory, self._give_back)
        self._positions: dict[str, str] = {}
        self._unsent: list[Outbox] = []
        self._rhythm = Rhythm()
        self._epoch = self._applied = 0
        self._behind = True
        """There may be more to read than has been read: nobody is judged by what has not been heard yet."""
        self._beat_at = self._looked_at = self._handed_out_at = 0.0
        self._more = self._moved = False
        """Something has changed that may let tasks or walks be handed out."""

    def take_over(self) -> None:
        """Begin where the hub before, or this one, was interrupted: apply what has come since, judge nobody yet."""
        with self._connection.begin():
            self._positions = read_positions(self._connection) | self._positions
            self._epoch, known = read_epoch(self._connection), read_sites(self._connection)
        failpoint("hub.taking_over")
        self.meet_sites(known)
        while entries := self._streams.read(self._positions, count=READ, block_ms=0):
            self._apply_all(entries)
        with self._connection.begin():
            renew_all(self._connection)
            forget_canaries(self._connection)
        if self._permits.epoch() != self._epoch:
            self._begin_epoch()
        else:
            self.find_lost(patience_s=0.0)  # what was committed and never published
            self._forget_heard()

    def tick(self, wait_s: float = 0.0) -> int:
        """One turn; how many entries it applied. Waits up to ``wait_s`` for the first.

        A Redis error says that nothing could be read or sent: what is committed stays, and is sent at the next turn.
        """
        self._send()
        wait_s = self.scheduler.wait_s(wait_s)
        if wait_s and not self._more:
            time.sleep(self._rhythm.pause_s)
        began, self._applied = time.monotonic(), 0
        entries = self._streams.read(self._positions, count=READ, block_ms=0 if self._more else int(wait_s * 1000))
        woken = time.monotonic()
        self._behind = len(entries) >= READ
        # Who waited in vain was woken, or has waited long enough.
        self._moved = not (entries and wait_s)
        if entries:
            failpoint("hub.read")
            self._apply_all(entries)
        self._moved = self.scheduler.work() or self._moved
        now = time.monotonic()
        if self._moved or now - self._handed_out_at >= IDLE_S:
            self._handed_out_at = now
            self._hand_out()
        self._send()
        if now - self._beat_at >= IDLE_S:
            self._house_keeping()
        self._memory.turned(worked := time.monotonic() - woken)
        self._rhythm.turned(woken - began, worked, self._applied)
        return len(entries)

    def _hand_out(self) -> None:
        with self._connection.begin():
            outbox = hand_out(self._connection, self._epoch, self._memory)
            # Before the commit, while the jobs' rows are locked: a pause that comes next takes them away again.
            self._permits.allow(outbox.jobs)
        self._unsent.append(outbox)
        self._more = outbox.more
        self.scheduler.told(outbox.due_s)
        self.beside.go_on(outbox.beside)

    def find_lost(self, patience_s: float = PATIENCE_S) -> None:
        """Take back what nobody claims: its message is lost, or its site is being drained."""
        with self._connection.begin():
            suspects = unclaimed(self._connection, patience_s)
        self._give_back(lost(self._permits, suspects))

    def _give_back(self, lost: Sequence[Unclaimed]) -> None:
        if lost:
            with self._connection.begin():
                reports = give_back(self._connection, lost)
                self._unsent.append(apply(self._connection, reports, [], self._memory))

    def _forget_heard(self) -> None:
        """Drop what the hub before had heard of, and did not come to say so in Redis."""
        with self._connection.begin():
            out = unheard(self._connection)
        sites = {names.stream_parts(stream)[0] for stream in self._positions}
        heard = {site: sorted(self._permits.known(site) - out) for site in sites}
        self._publisher.publish([], [], heard={site: messages for site, messages in heard.items() if messages})

    def _begin_epoch(self) -> None:
        """Redis has lost its memory, or is restored from an old one: nothing that stands in it may be claimed."""
        if self._epoch:
            log.warning("the broker lost its memory: what was handed out is handed out again")
        with self._connection.begin():
            self._epoch = next_epoch(self._connection)
            forget_canaries(self._connection)
        self._permits.begin_epoch(self._epoch, [names.stream_parts(stream)[0] for stream in self._positions])
        with self._connection.begin():
            everything = unclaimed(self._connection, 0.0)
        self._give_back(everything)

    def _apply_all(self, entries: Sequence[Entry]) -> None:
        """Apply them, some at a time."""
        some: list[Entry] = []
        size = 0
        for entry in entries:
            if some and size + len(entry.sealed) > APPLY_BYTES:
                self._apply(some)
                some, size = [], 0
            some.append(entry)
            size += len(entry.sealed)
        self._apply(some)

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
            outbox = apply(self._connection, inbox.reports, inbox.batches, self._memory)
            write_positions(self._connection, positions)
            failpoint("hub.applied")
        failpoint("hub.committed")
        self._positions |= positions
        self._unsent.append(outbox)
        self._applied += len(inbox.batches) + sum(len(reports.items) for reports in inbox.reports)
        self._moved = self._moved or self._applied > 0

    def _send(self) -> None:
        while self._unsent:
            outbox = self._unsent[0]
            parcels = [(sent.parcel, sent.paths) for sent in outbox.parcels]
            self._publisher.publish(parcels, outbox.orders, outbox.grants, outbox.gone, outbox.heard)
            for stop in outbox.stops:
                self._permits.stop(stop.job, stop.sites, stop.grace_s)
            if outbox.ended:
                self._memory.forget(outbox.ended)
                self._permits.forget(outbox.ended, {names.stream_parts(stream)[0] for stream in self._positions})
            del self._unsent[0]

    def _house_keeping(self) -> None:
        """About once a second: say that we live, look after what was lost, and drop what has been applied."""
        now = self._beat_at = time.monotonic()
        with self._connection.begin():
            beat(self._connection, self._name)
        if self._permits.epoch() != self._epoch:
            self._begin_epoch()
        self.meet_sites()
        if not self._behind:
            self.judge()
            self.find_lost()
            if now - self._looked_at >= LOOK_S:
                self._looked_at = now
                self.keeper.look()
        self._streams.trim(self._positions)

    def judge(self) -> None:
        """Conclude what nobody reported, and what time brings about."""
        with self._connection.begin():
            self._unsent.append(judge(self._connection, self._memory))
        passed = pass_time(self._connection, self._permits.revoke)
        self._unsent.append(Outbox(ended=passed.ended))
        self._moved = self._moved or passed.moved

    def meet_sites(self, known: Collection[str] = ()) -> None:
        """Listen to every site that says it exists, or did once; what it says counts only when it is signed."""
        for site in self._streams.announced_sites().union(known):
            self._positions.setdefault(names.reports_stream(site), START)
            self._positions.setdefault(names.batches_stream(site), START)
