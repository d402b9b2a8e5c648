"""Whether a job's running tasks are asked to stop: looked up at most twice a second, however often it is asked."""

import logging
import time
from collections.abc import Callable

from redis import Redis, RedisError

from orchestrator.contracts.names import stops_key

log = logging.getLogger(__name__)

_FRESH_SECONDS = 0.5
_AWAY_SECONDS = 5.0
"""How long a broker that did not answer is left alone: a task that works is not held up by one that is away."""


class Stops:
    """The jobs of a site that are being stopped, as this process knows them. A broker that is away stops nothing."""

    def __init__(self, connect: Callable[[], Redis], site: str) -> None:
        self._connect, self._key = connect, stops_key(site)
        self._job, self._asked = 0, False
        self._fresh_until = self._away_until = 0.0

    def asked(self, job: int) -> bool:
        """Whether this job's tasks are to stop."""
        now = time.monotonic()
        if job != self._job:
            self._job, self._asked, self._fresh_until = job, False, 0.0
        if now >= self._fresh_until and now >= self._away_until:
            self._look()
        return self._asked

    def _look(self) -> None:
        try:
            self._asked = bool(self._connect().sismember(self._key, str(self._job)))
            self._fresh_until = time.monotonic() + _FRESH_SECONDS
        except RedisError as error:
            log.warning("whether job %s is to stop is not known: %s", self._job, type(error).__name__)
            self._away_until = time.monotonic() + _AWAY_SECONDS
