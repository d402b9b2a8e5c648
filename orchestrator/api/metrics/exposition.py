"""One scrape: what this process counts, and the installation as the database has it, read at most once a second."""

import logging
import threading
import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Gauge, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from sqlalchemy import Engine, exc

from orchestrator.api.metrics.installation import families, well
from orchestrator.api.metrics.requests import Requests, watch_process
from orchestrator.broker.connection import connect
from orchestrator.storage.queries.measures import measure
from orchestrator.storage.queries.snapshot import snapshot

log = logging.getLogger(__name__)

FRESH_S = 1.0
"""However many scrape, and however often."""


class Exposition:
    """The metrics of one application."""

    def __init__(self, engine: Engine, redis_url: str | None, listeners: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self.requests = Requests(self._registry)
        told = "Who listens to live events at this process."
        Gauge("orchestrator_event_listeners", told, registry=self._registry).set_function(listeners)
        watch_process(self._registry)
        self._registry.register(_Installation(engine, redis_url))

    def scraped(self, accept: str) -> tuple[bytes, str]:
        """All metrics in the format that is asked for, and its name."""
        encode, kind = choose_encoder(accept)
        return encode(self._registry), kind


class _Installation(Collector):
    """What is read of the database for a scrape, and kept for a moment."""

    def __init__(self, engine: Engine, redis_url: str | None) -> None:
        self._engine, self._redis_url = engine, redis_url
        self._lock = threading.Lock()
        self._read_at = -FRESH_S
        self._read: list[Metric] = []

    def describe(self) -> Iterable[Metric]:
        """Nothing ahead of a scrape: the database need not be there yet."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """What there is to tell now; where the database is away, only that it is."""
        with self._lock:
            if time.monotonic() - self._read_at >= FRESH_S:
                self._read, self._read_at = [*self._of_database(), self._broker()], time.monotonic()
            return self._read

    def _of_database(self) -> list[Metric]:
        try:
            with snapshot(self._engine) as tx:
                return [*families(measure(tx)), well("database", answers=True)]
        except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
            log.warning("the database could not be read for metrics: %s", type(error).__name__)
            return [well("database", answers=False)]

    def _broker(self) -> Metric:
        try:
            with connect(self._redis_url or "") as redis:
                redis.ping()  # pyright: ignore[reportUnknownMemberType] - redis-py leaves its options untyped
        except (RedisError, OSError, ValueError):
            return well("broker", answers=False)
        return well("broker", answers=True)
