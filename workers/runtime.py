"""What one worker process works with: its site, its name, and its own connection, roots and reporter."""

import hashlib
import os
import threading
import uuid
from functools import cached_property
from pathlib import Path

import platformdirs
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.children import Children
from workers.claim import Claims
from workers.limits import Limits
from workers.reporter import StreamReporter, ignore
from workers.roots import Root, Roots
from workers.seen import Seen
from workers.site import SiteFile, pool_of
from workers.spool import Spool
from workers.stores import Stores

_SOCKET_SECONDS = 5


class Runtime:
    """One pool of one site on this host. Made before the pool forks: nothing here connects or starts a thread by then.

    ``node`` is Celery's name of the worker, such as ``london.worker@host``; ``key`` is the site's. ``queue_epoch`` is
    in the name of the Celery queue that it serves, and ``boot`` says which start of the worker this is.
    """

    def __init__(self, site: SiteFile, key: bytes, node: str, queue: str, function: str, queue_epoch: int = 0) -> None:
        self.site, self.key, self.node, self.queue, self.function = site, key, node, queue, function
        self.boot, self.queue_epoch = uuid.uuid4().hex, queue_epoch
        self.stopping = threading.Event()
        """Set in the worker's own process when it has been told to stop: what runs long leaves off at a good place."""
        self.children = Children()
        self.at_work: set[str] = set()
        """What its threads are at: ids of orders, and of parcels where handlers run in threads."""
        self._clients: dict[int, Redis] = {}
        self._reporters: dict[int, StreamReporter] = {}

    def redis(self) -> Redis:
        """This process's client; safe to use from several threads. Errors come within seconds, never a standstill."""
        # By process, since a child must never write to its parent's socket; setdefault, since a lock might be held
        # by another thread at the moment of the fork.
        pid = os.getpid()
        return self._clients.get(pid) or self._clients.setdefault(pid, connect(self.site))

    @property
    def pool(self) -> str:
        """What it is made of."""
        return pool_of(self.site, self.function)

    @property
    def running(self) -> int:
        """How many tasks and walks are being worked on. Celery's own count stands still when its loop does."""
        return len(self.at_work) + sum(child.page.running is not None for child in self.children.living())

    @property
    def reporter(self) -> StreamReporter:
        """This process's way to tell the hub what its tasks do."""
        pid = os.getpid()
        return self._reporters.get(pid) or self._reporters.setdefault(pid, self._make_reporter())

    @cached_property
    def claims(self) -> Claims:
        """The way to what has been handed out to this site."""
        return Claims(self.redis, self.site.name, self.seen, self.stopping)

    @cached_property
    def seen(self) -> Seen:
        """What this host has run already."""
        return Seen(self._kept("seen"))

    @cached_property
    def spool(self) -> Spool:
        """Where notes that are too long to travel are put aside."""
        return Spool(self._kept("notes", self.site.spool), self.site.name)

    def _kept(self, what: str, folder: Path | None = None) -> Path:
        # By key too: two installations may each have a site of this name.
        mark = hashlib.sha256(self.key).hexdigest()[:12]
        folder = folder or self.site.state or platformdirs.user_state_path("orchestrator")
        return folder / f"{self.site.name}-{mark}.{what}"

    @cached_property
    def roots(self) -> Roots:
        """What may be touched here."""
        roots = (
            Root(os.fsencode(root.path), root.read_only, None if root.alias is None else os.fsencode(root.alias))
            for root in self.site.roots
        )
        return Roots(roots, Stores(self.site.stores))

    @cached_property
    def limits(self) -> Limits:
        """What each process of this pool may take."""
        return self.site.limits.of(self.function)

    def _make_reporter(self) -> StreamReporter:
        page = self.children.own
        heard = page.heard if page else ignore
        return StreamReporter(self.redis, self.site.name, self.node, self.key, heard=heard)


def connect(site: SiteFile) -> Redis:
    """A client of the site's broker."""
    return Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
        site.redis_url.get_secret_value(),
        protocol=2,
        socket_timeout=_SOCKET_SECONDS,
        socket_connect_timeout=_SOCKET_SECONDS,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 1),
    )
