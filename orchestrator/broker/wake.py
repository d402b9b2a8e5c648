"""Waking the hub when something has been written that it should look at: a hint, never needed and never an error."""

import logging

from redis import Redis
from redis.exceptions import RedisError

from orchestrator.broker.connection import shared
from orchestrator.contracts.names import WAKE_STREAM

_KEPT = 100

log = logging.getLogger(__name__)


def wake(redis_url: str | None) -> None:
    """Wake the hub; without a broker, or one that does not answer, it finds the work at its next turn."""
    if redis_url is not None:
        wake_by(shared(redis_url))


def wake_by(redis: Redis) -> None:
    """The same by a client that is there already."""
    try:
        redis.xadd(WAKE_STREAM, {"d": b""}, maxlen=_KEPT, approximate=True)
    except (RedisError, OSError) as error:
        log.info("the hub was not woken: %s", error)
