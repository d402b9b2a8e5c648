"""A site that walks, and the hub's end of its streams as far as a walker can tell."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis
from pydantic import SecretStr

from orchestrator.broker.permits import Permits
from orchestrator.contracts import names
from orchestrator.contracts.batch import Batch
from orchestrator.contracts.claims import OUT
from orchestrator.contracts.parcel import RuleOrder, WalkOrder
from orchestrator.contracts.paths import PathList, pack, unpack
from orchestrator.contracts.seal import seal, site_key, unseal
from workers.runtime import Runtime
from workers.site import RootEntry, SiteFile
from workers.store_entry import StoreEntry
from workers.walker import walk

SITE, QUEUE = "london", "default"
EPOCH = 1
KEY = site_key(b"secret", SITE)


def runtime(url: str, root: Path, state: Path, stores: Sequence[StoreEntry] = ()) -> Runtime:
    """A pool of walkers that may touch root and stores, and remembers below ``state`` what it has run."""
    site = SiteFile(
        name=SITE,
        redis_url=SecretStr(url),
        key=SecretStr(KEY.hex()),
        roots=[RootEntry(path=root)],
        stores=list(stores),
        queues={QUEUE: {names.Function.DISCOVERY: 1}},
        state=state,
    )
    return Runtime(site, KEY, "london.discovery@here", QUEUE, "discovery")


def order(root: Path, **changes: Any) -> WalkOrder:
    """An order to walk everything below root, with as much grant as it likes."""
    values: dict[str, Any] = {
        "id": str(uuid4()), "site": SITE, "queue": QUEUE, "method": "recursive", "job": 1, "subtree": 0, "attempt": 1,
        "input": pack(PathList([os.fsencode(root)])), "rules": [RuleOrder()], "options": {},
        "expires": time.time() + 60, "grant": 10**9, "epoch": EPOCH,
    }  # fmt: skip
    return WalkOrder(**values | changes)


def make_files(folder: Path, folders: int, files: int) -> set[bytes]:
    """So many folders with so many files each: all the paths there are."""
    for number in range(folders):
        (folder / f"d{number:03d}").mkdir()
        for file in range(files):
            (folder / f"d{number:03d}" / f"f{file:03d}").touch()
    return {os.fsencode(path) for path in folder.rglob("*")}


class Hub:
    """Reads a site's stream of batches and keeps what is due, as the hub does."""

    def __init__(self, url: str) -> None:
        self.redis = redis.Redis.from_url(url)
        self.permits = Permits(self.redis)
        self.permits.begin_epoch(EPOCH, [SITE])
        self.position = b"0"
        self.seen: list[Batch] = []
        self.kept: dict[int, list[Batch]] = {}
        self.orders: dict[int, WalkOrder] = {}

    def expect(self, *orders: WalkOrder) -> None:
        """Hand these walks out: from now on they can be claimed, and their entries count."""
        for due in orders:
            self.permits.allow({SITE: [due.job]})
            self.redis.hset(names.handouts_key(SITE), due.id, OUT)
            self.orders[due.subtree] = due
            self.kept.setdefault(due.subtree, [])

    def read(self) -> None:
        """Take in what has come."""
        for position, fields in self._entries():
            self.position = position
            assert set(fields) == {b"d"}
            batch = unseal(KEY, Batch, fields[b"d"])
            self.seen.append(batch)
            due = self.orders[batch.subtree]
            if batch.attempt == due.attempt and batch.sequence == self.sequence(batch.subtree) + 1:
                self.kept[batch.subtree].append(batch)

    def _entries(self) -> list[tuple[bytes, dict[bytes, bytes]]]:
        entries: Any = self.redis.xrange(names.batches_stream(SITE), b"(" + self.position)
        return entries

    def sequence(self, subtree: int = 0) -> int:
        kept = self.kept[subtree]
        return kept[-1].sequence if kept else 0

    def last(self, subtree: int = 0) -> Batch | None:
        self.read()
        return self.kept[subtree][-1] if self.kept[subtree] else None

    def over(self, subtree: int = 0) -> bool:
        last = self.last(subtree)
        return last is not None and (last.closed or last.stopped or last.broken is not None)

    def paths(self) -> list[bytes]:
        """All that was kept, of all walks."""
        self.read()
        batches = [batch for kept in self.kept.values() for batch in kept]
        return [path for batch in batches for found in batch.found for path in unpack(found.paths).paths]

    def say(self, **fields: int) -> None:
        """Set grants: ``w0`` is that of subtree 0, ``idle`` the idle walkers."""
        said = {f"1:{name.removeprefix('w')}": value for name, value in fields.items()}
        self.redis.hset(names.grants_key(SITE), mapping=said)  # type: ignore[arg-type]

    def again(self, subtree: int = 0, **changes: Any) -> WalkOrder:
        """The order to go on from what was kept."""
        due, last = self.orders[subtree], self.last(subtree)
        fresh = order(Path("/"), **{name: getattr(due, name) for name in due.__struct_fields__})
        fresh.id = str(uuid4())
        fresh.attempt, fresh.sequence = due.attempt + 1, self.sequence(subtree)
        fresh.cursor = last.cursor if last else None
        for name, value in changes.items():
            setattr(fresh, name, value)
        self.expect(fresh)
        return fresh


def until(condition: Callable[[], bool], seconds: float = 40) -> None:
    """Wait for it, with a deadline."""
    deadline, nap = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        nap.wait(0.01)


def run(at: Runtime, due: WalkOrder) -> None:
    """Carry out an order here and now."""
    walk(at, seal(KEY, due), f"discovery.{due.method}")


@contextmanager
def running(at: Runtime, *orders: WalkOrder) -> Generator[None, None, None]:
    """Carry out orders in threads, and wait for their ends."""
    threads = [threading.Thread(target=run, args=(at, due), daemon=True) for due in orders]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(40)
        assert not thread.is_alive()


_WALKER = """
import json, sys
from pathlib import Path
from tests.integration.discovery.site import runtime
from workers import store_pages
from workers.discovery import gather
from workers.registry import REGISTRY
from workers.store_entry import StoreEntry
from workers.walker import walk
url, root, state, method, stores, enough, module = sys.argv[1:]
if enough:
    gather._MOST_SIGHTED = gather._ENOUGH = store_pages.PAGE = int(enough)
REGISTRY.load([module] if module else [], groups=[])
entries = [StoreEntry.model_validate(entry) for entry in json.loads(stores)]
walk(runtime(url, Path(root), Path(state), entries), sys.stdin.buffer.read(), f"discovery.{method}")
"""


def process(
    url: str,
    root: Path,
    state: Path,
    due: WalkOrder,
    *,
    stores: Sequence[StoreEntry] = (),
    enough: int | None = None,
    module: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Carry out an order in a process of its own; ``module`` is a plugin.

    ``enough`` paths make an entry, and a page of a store; None: as many as ever.
    """
    entries = json.dumps([entry.model_dump(mode="json") for entry in stores])
    more = [entries, str(enough or ""), str(module or "")]
    command = [sys.executable, "-c", _WALKER, url, str(root), str(state), due.method, *more]
    walker = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert walker.stdin
    walker.stdin.write(seal(KEY, due))
    walker.stdin.close()
    return walker
