"""Which jobs' running tasks are asked to stop: a child asks for its own job, the parent sees to it that they do.

A broker that is away stops nothing, and takes nothing back.
"""

import logging
import math
import time
from collections.abc import Callable
from typing import cast

from redis import Redis, RedisError

from orchestrator.contracts.names import stops_key

log = logging.getLogger(__name__)

_FRESH_SECONDS = 0.5
_AWAY_SECONDS = 5.0
"""How long a broker that did not answer is left alone: a task that works is not held up by one that is away."""


class Stops:
    """Whether one job of a site is being stopped: looked up at most twice a second, however often it is asked."""

    def __init__(self, connect: Callable[[], Redis], site: str) -> None:
        self._connect, self._key = connect, stops_key(site)
        self._job, self._asked = 0, False
        self._fresh_until = self._away_until = 0.0

    def claimed(self, job: int) -> None:
        """Something of this job was claimed just now: so it was not being stopped, and need not be asked for."""
        self._job, self._asked, self._fresh_until = job, False, time.monotonic() + _FRESH_SECONDS

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
            self._asked = bool(self._connect().hexists(self._key, str(self._job)))
            self._fresh_until = time.monotonic() + _FRESH_SECONDS
        except RedisError as error:
            log.warning("whether job %s is to stop is not known: %s", self._job, type(error).__name__)
            self._away_until = time.monotonic() + _AWAY_SECONDS


class Graces:
    """How long the jobs that are being stopped may go on yet, by the clock of the process that looks."""

    def __init__(self, connect: Callable[[], Redis], site: str) -> None:
        self._connect, self._key = connect, stops_key(site)
        self._since: dict[int, float] = {}
        self._graces: dict[int, float] = {}

    def over(self, now: float) -> dict[int, float]:
        """The jobs whose grace is over, and how many seconds it was; ``now`` is the monotonic clock."""
        try:
            self._look(now)
        except RedisError as error:
            log.warning("which jobs are to stop is not known: %s", type(error).__name__)
        return {job: grace for job, grace in self._graces.items() if now - self._since[job] >= grace}

    def _look(self, now: float) -> None:
        said = cast("dict[bytes, bytes]", self._connect().hgetall(self._key))
        graces = {_number(job): _number(grace) for job, grace in said.items()}
        self._graces = {int(job): grace for job, grace in graces.items() if not math.isnan(job + grace)}
        self._since = {job: self._since.get(job, now) for job in self._graces}


def _number(said: bytes) -> float:
    """The number, nan where it is none: what stands there is for everybody to write."""
    try:
        return float(said)
    except ValueError:
        return math.nan
