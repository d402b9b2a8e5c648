"""What is said to a site's workers themselves, by keys that they look at when they announce themselves."""

from collections.abc import Iterable, Mapping

from redis import Redis

from orchestrator.broker.connection import pipeline
from orchestrator.contracts import names

KEPT_S = 7 * 24 * 3600
_ASKED_S = 60
"""It is said again while it holds; what nobody says any more is forgotten."""


class Fleet:
    """Restarts, and the names of queues."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def restart(self, starts: Iterable[tuple[str, str, str]]) -> None:
        """Ask these starts (site, node, boot) of workers to make place for another."""
        commands = pipeline(self._redis)
        for site, node, boot in starts:
            commands.set(names.restart_key(site, node), boot, ex=_ASKED_S)
        commands.execute()

    def keep(self, queue: str) -> None:
        """Keep a queue that was left for a while, for a person to look at."""
        self._redis.expire(queue, KEPT_S)

    def name_queues(self, epochs: Mapping[str, Mapping[str, int]]) -> None:
        """Say which epochs of its queues a site's workers are to serve: ``site -> (lane -> epoch)``."""
        commands = pipeline(self._redis)
        for site, some in epochs.items():
            commands.hset(names.queue_epochs_key(site), mapping={**some})
        commands.execute()
