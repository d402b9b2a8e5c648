"""A real pool of a site, started as a site starts it, and the hub's end of its queue and its streams."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from redis import Redis

from orchestrator.broker.account import open_account, url_as
from orchestrator.broker.celery_message import celery_message
from orchestrator.broker.permits import Permits
from orchestrator.broker.publisher import Publisher
from orchestrator.contracts.names import handouts_key, permits_key, reports_stream, stops_key
from orchestrator.contracts.parcel import Parcel, TaskOrder, WalkOrder
from orchestrator.contracts.paths import PathList, pack
from orchestrator.contracts.report import Announcement, Ended, Item, Reports, Said, Started
from orchestrator.contracts.seal import seal, site_key, unseal

SECRET = b"the secret of a test installation"
DEADLINE_SECONDS = 60.0
"""A worker starts in two seconds, and in twenty where many tests share few cores."""


class Pool:
    """One ``python -m workers`` process, and what it says; supervised, that is the parent of the pool.

    It is run by the words ``prefix``, and with ``own_user`` it has a Redis user of its own.
    """

    def __init__(
        self,
        folder: Path,
        redis_url: str,
        function: str = "worker",
        extra: str = "",
        size: int = 1,
        *,
        more: str = "",
        supervised: bool = False,
        own_user: bool = False,
        prefix: Sequence[str] = (),
    ) -> None:
        self.site = f"s{uuid4().hex[:12]}"
        self.key = site_key(SECRET, self.site)
        self.redis_url = redis_url
        self.redis, self._prefix = Redis.from_url(redis_url, socket_timeout=10), prefix
        if own_user:
            open_account(self.redis, self.site, "its own")
            self.redis_url = url_as(redis_url, self.site, "its%20own")
        self.data = folder / "data"
        self.data.mkdir()
        (folder / "key").write_text(self.key.hex())
        self.config = folder / "site.toml"
        self.config.write_text(
            f'name = "{self.site}"\nredis_url = "{self.redis_url}"\nkey_file = "key"\nstate = "state"\n{extra}\n'
            f'[[roots]]\npath = "data"\n[queues.default]\n{function} = {size}\n{more}'
        )
        self.function, self.queue = function, f"{self.site}.default.{function}"
        self.job, self.supervised = 1, supervised
        self.permits, self.publisher = Permits(self.redis), Publisher(self.redis, SECRET)
        if self.permits.epoch() is None:
            self.permits.begin_epoch(1, [self.site])
        self.items: list[Item] = []
        self.said: list[Said] = []
        self.announcements: list[Announcement] = []
        self._position: bytes | str = "0"
        self.log = folder / "worker.log"
        self._log_from = 0
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        """Start (another) one."""
        command = [*self._prefix, sys.executable, "-m", "workers", "--config", str(self.config)]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command if self.supervised else [*command, "--queue", "default", "--function", self.function],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
            )

    def parcel(self, action: str, paths: list[bytes], **changes: Any) -> Parcel:
        """A parcel of one task for this pool."""
        orders = [TaskOrder(1, 1, pack(PathList(paths, "f" * len(paths))))]
        fields: dict[str, Any] = {
            "id": uuid4().hex,
            "site": self.site,
            "queue": "default",
            "function": self.function,
            "action": action,
            "job": self.job,
            "step": 0,
            "params": {},
            "tasks": orders,
            "expires": time.time() + 3600,
            "epoch": self.permits.epoch(),
        }
        return Parcel(**(fields | changes))

    def publish(self, parcel: Parcel) -> None:
        """Hand a parcel out as the hub does."""
        self.permits.allow({parcel.site: [parcel.job]})
        self.publisher.publish([(parcel, 1)], [])

    def publish_order(self, order: WalkOrder) -> None:
        """Hand a walk out as the hub does."""
        self.permits.allow({order.site: [order.job]})
        self.publisher.publish([], [order])

    def publish_message(self, parcel: Parcel, *, task: str | None = None, key: bytes | None = None) -> None:
        """Put only a message into the pool's queue."""
        self.publish_sealed(seal(key or self.key, parcel), task or parcel.action)

    def publish_sealed(self, sealed: bytes, task: str) -> None:
        """The same, of any bytes."""
        message = celery_message(self.queue, task, uuid4().hex, sealed, "step 0, 1 path")
        self.redis.lpush(self.queue, message)

    def read(self) -> None:
        """Take in what has come on the stream of reports."""
        answer = cast(Any, self.redis.xread({reports_stream(self.site): self._position}, block=200))
        entries: list[Any] = answer[0][1] if answer else []
        for position, fields in entries:
            self._position = position
            reports = unseal(self.key, Reports, fields[b"d"])
            assert reports.site == self.site
            for item in reports.items:
                self._take(item)
            self.said += [*reports.log, *reports.progress]
            self.announcements += [reports.announcement] if reports.announcement else []

    def _take(self, item: Item) -> None:
        """Keep an item; an end that came before its start was told says that, too."""
        begun = {(one.task, one.attempt) for one in self.items if isinstance(one, Started)}
        if isinstance(item, Ended) and (item.task, item.attempt) not in begun:
            self.items.append(Started(item.task, item.attempt, item.started_at))
        self.items.append(item)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Read until something is so; fails with the worker's log when it does not become so."""
        end = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < end, f"{what} did not happen:\n{self.log_text()[-6000:]}"
            self.read()

    def ended(self, task: int = 1, attempt: int = 1) -> Ended:
        """Wait for the end of a task."""
        self.until(lambda: list(self._ends(task, attempt)), f"the end of task {task}")
        return next(self._ends(task, attempt))

    def _ends(self, task: int, attempt: int) -> Iterator[Ended]:
        return (i for i in self.items if isinstance(i, Ended) and (i.task, i.attempt) == (task, attempt))

    def ready(self) -> Announcement:
        """Wait until it has announced itself."""
        self.until(lambda: self.announcements, "an announcement")
        return self.announcements[0]

    def forget(self) -> None:
        """Begin anew: with another job, nothing has been said, none is being stopped."""
        self.job += 1
        self.redis.delete(stops_key(self.site), permits_key(self.site), handouts_key(self.site))
        self.read()
        self.items.clear()
        self.said.clear()
        self._log_from = self.log.stat().st_size

    def log_text(self) -> str:
        """What the worker has logged since the test began."""
        return self.log.read_bytes()[self._log_from :].decode(errors="replace")

    def close(self) -> None:
        """End it, however it is; what it supervises ends with it."""
        self.process.kill()
        self.process.wait()
        self.redis.close()
