"""A pool says that it is there, and what it holds: from its parent process, every few seconds, and when it leaves.

It then looks whether the hub asks it to restart. All of this by another connection than Celery's, since it may be just
that one through which nothing gets.
"""

import logging
import math
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

from redis import RedisError
from redis.exceptions import NoPermissionError

from orchestrator import __version__
from orchestrator.contracts.names import GENTLY, SITES_KEY, Function, reports_stream, restart_key
from orchestrator.contracts.report import ActionOffer, Announcement, Reports
from orchestrator.contracts.seal import seal
from workers.admission import forbidden
from workers.legible import legible, tail
from workers.registry import REGISTRY, Action
from workers.runtime import Runtime

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
OFFERS_EVERY_SECONDS = 60.0
_MAX_PROBLEM, _MAX_TRACEBACK = 1000, 3000
_ORDER_SECONDS = 10.0
"""So long it may take to end in good order, with nothing running."""


class Announcer:
    """Announces one pool; ``holding`` are the messages that it has taken and not finished."""

    def __init__(self, runtime: Runtime, concurrency: int, holding: Callable[[], Sequence[str]]) -> None:
        self._runtime, self._concurrency, self._holding = runtime, concurrency, holding
        # Written to from a signal handler too, which this kind of queue allows. True: it leaves.
        self._news: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._offers_due = 0.0
        self._ends_at = math.inf
        self._parent = os.getppid()

    def start(self) -> None:
        """Say it a first time, before there is anything that could end this process; then go on in a thread."""
        if self._thread is None:
            self._say()
            self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)
            self._thread.start()

    def now(self) -> None:
        """Say at once how it is."""
        self._news.put(False)

    def stop(self) -> None:
        """Say that the pool is leaving, if it ever said that it was there."""
        if self._thread is not None:
            self._news.put(True)
            self._thread.join()
            self._thread = None
            self._say(leaving=True)

    def _run(self) -> None:
        leave = False
        while not leave:
            with suppress(queue.Empty):
                leave = self._news.get(timeout=EVERY_SECONDS)
            if not leave:
                self._say()
                self._restart()
                self._follow_parent()

    def _follow_parent(self) -> None:
        """End once whoever started this process has: a signal that comes while it starts may get lost in Celery."""
        if os.getppid() != self._parent:
            os.kill(os.getpid(), signal.SIGTERM)

    def _restart(self) -> None:
        """End this process when the hub asks this start of it to: in good order, unless nothing comes of that."""
        now, boot = time.monotonic(), self._runtime.boot
        if self._ends_at == math.inf and (asked := self._asked()) in {boot, boot + GENTLY}:
            if asked == boot:
                log.warning("the hub finds that nothing gets through to this worker: it ends, to be started again")
                self._ends_at = now + _ORDER_SECONDS
            elif self._runtime.stopping.is_set():
                return  # It is ending already, and gently.
            else:
                log.warning("asked to restart: it takes nothing new, finishes what runs, and ends")
            os.kill(os.getpid(), signal.SIGTERM)
        elif now >= self._ends_at and not self._runtime.running:
            log.warning("it could not end in good order")
            os._exit(1)

    def _asked(self) -> str:
        """Which start of this node is asked to end, and how."""
        runtime = self._runtime
        try:
            asked = cast("bytes | None", runtime.redis().get(restart_key(runtime.site.name, runtime.node)))
        except RedisError:
            return ""
        return "" if asked is None else asked.decode(errors="replace")

    def _say(self, *, leaving: bool = False) -> None:
        runtime, with_offers = self._runtime, time.monotonic() >= self._offers_due
        said = self.announcement(with_offers=with_offers, leaving=leaving)
        sealed = seal(runtime.key, Reports(site=runtime.site.name, node=runtime.node, announcement=said))
        try:
            redis = runtime.redis()
            # A site whose Redis user is its own was made known with that user, and may not do it itself.
            with suppress(NoPermissionError):
                redis.sadd(SITES_KEY, runtime.site.name)
            redis.xadd(reports_stream(runtime.site.name), {"d": sealed})
        except RedisError as error:
            log.warning("could not announce this node: the broker does not answer (%s)", type(error).__name__)
        else:
            if with_offers:
                self._offers_due = time.monotonic() + OFFERS_EVERY_SECONDS

    def announcement(self, *, with_offers: bool, leaving: bool = False) -> Announcement:
        """What is said."""
        runtime = self._runtime
        walks = runtime.function == Function.DISCOVERY
        site = runtime.site
        offers = [] if walks else [_offer(a) for a in REGISTRY.actions.values() if not forbidden(a.name, site)]
        return Announcement(
            node=runtime.node,
            function=runtime.function,
            queues=[runtime.queue],
            concurrency=self._concurrency,
            version=__version__,
            at=time.time(),
            running=self._runtime.running,
            actions=offers if with_offers else None,
            discoveries=(sorted(REGISTRY.discoveries) if walks else []) if with_offers else None,
            problems=[_shortened(problem) for problem in REGISTRY.problems],
            leaving=leaving,
            draining=runtime.stopping.is_set(),
            holding=sorted(self._holding()),
            boot=runtime.boot,
            queue_epoch=runtime.queue_epoch,
            limits=runtime.limits.said(),
            pool=runtime.pool,
        )


def _shortened(problem: str) -> str:
    """Its first line, and the end of its traceback."""
    said, _, trace = problem.partition("\n")
    return f"{legible(said, _MAX_PROBLEM)}\n{tail(trace, _MAX_TRACEBACK)}".rstrip()


def _offer(action: Action) -> ActionOffer:
    return ActionOffer(
        name=action.name,
        version=action.version,
        parameters=action.parameters.schema,
        description=action.description,
        timeout=action.timeout,
        changes=list(action.changes),
        runs_in=action.runs_in,
    )
