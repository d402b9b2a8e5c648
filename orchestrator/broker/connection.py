"""How the hub and the API reach Redis: with timeouts, so that a frozen server is an error and not a standstill."""

from functools import lru_cache

from redis import Redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry


def connect(url: str) -> Redis:
    """A client; nothing is connected yet. Errors come at once: whoever calls decides whether to try again."""
    return Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - redis-py leaves its options untyped
        url,
        protocol=2,
        socket_timeout=5,
        socket_connect_timeout=5,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 0),
    )


shared = lru_cache(maxsize=8)(connect)
"""The process's one client for a URL: its pool of connections serves all threads."""


def pipeline(redis: Redis) -> Pipeline:
    """Commands that go in one round trip, each on its own: no transaction."""
    return redis.pipeline(transaction=False)  # pyright: ignore[reportUnknownMemberType] - as above


def transaction(redis: Redis) -> Pipeline:
    """Commands that go in one round trip and are carried out together, or not at all (MULTI)."""
    return redis.pipeline(transaction=True)  # pyright: ignore[reportUnknownMemberType] - as above
