"""The parent's watch over its children: it speaks for those that have died, and kills those that do not stop.

It runs in a thread of the worker's own process, which a handler can neither block nor bring down.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from redis import RedisError

from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.report import Returned, TaskError
from workers.aftermath import Verdict, aftermath, ended_how
from workers.children import Child
from workers.leftovers import end_leftovers
from workers.page import Doing, Entry
from workers.runtime import Runtime
from workers.stops import Graces

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
Message = tuple[str, object]
"""A message that was received and not begun: the name of its Celery task, and its argument."""


_END: Sequence[Message] = ()


class Watch:
    """Watches the children of one worker. ``hand_back`` gives back what a message holds (receiver.py)."""

    def __init__(self, runtime: Runtime, hand_back: Callable[[str, object], None]) -> None:
        self._runtime, self._hand_back = runtime, hand_back
        self._graces = Graces(runtime.redis, runtime.site.name)
        # Written to from a signal handler too, which this kind of queue allows.
        self._events: queue.SimpleQueue[Child | Sequence[Message]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        runtime.children.gone = self._events.put

    def start(self) -> None:
        """Begin; again is harmless."""
        if self._thread.ident is None:
            # Made here and now: between the steps of a fork this process would be taken for its child.
            self._reporter = self._runtime.reporter
            self._thread.start()

    def drain(self, waiting: Sequence[Message]) -> None:
        """Nothing new is begun: give back what these messages hold."""
        self._events.put(list(waiting))

    def stop(self) -> None:
        """Wait until everything that has happened has been dealt with."""
        if self._thread.ident is not None:
            self._events.put(_END)
            self._thread.join()

    def _run(self) -> None:
        while True:
            event = None
            with suppress(queue.Empty):
                event = self._events.get(timeout=_LOOK_SECONDS)
            if event is _END:
                return
            try:
                if isinstance(event, Child):
                    self._speak_for(event)
                elif event is not None:
                    self._give_back(event)
                self._look()
            except RedisError as error:
                # What is not said is concluded by the hub, from leases and from what lies unclaimed.
                log.warning("not everything is handed back: %s", type(error).__name__)
            except Exception:
                log.exception("the watch goes on")

    def _speak_for(self, child: Child) -> None:
        entries = child.page.entries()
        blamed = None if child.verdict else self._runtime.limits.cause_of(child.code)
        reason = blamed.message if blamed else ended_how(child.code)
        failpoint("worker.speaking")
        if left := end_leftovers(os.getpid(), child.pid):
            log.warning("ended %d processes that process %d had left behind", left, child.pid)
        for item in aftermath(entries, child.verdict, reason, blamed):
            self._reporter.send(item)
        self._claim_back([entry for entry in entries if entry.doing is Doing.CLAIMING], child, reason)

    def _claim_back(self, unsure: Sequence[Entry], child: Child, reason: str) -> None:
        """It died while it claimed: what it did not get is claimed in its place, and handed back."""
        if not unsure:
            return
        work = child.page.work
        if self._runtime.claims.take(work.epoch, work.job, work.message):
            for entry in unsure:
                self._reporter.send(Returned(entry.task, entry.attempt, reason))

    def _give_back(self, waiting: Sequence[Message]) -> None:
        for name, argument in waiting:
            self._hand_back(name, argument)

    def _look(self) -> None:
        """Kill what runs beyond its time, or goes on although its job's grace is over."""
        living = self._runtime.children.living()
        busy = [(child, child.page.work, task) for child in living if (task := child.page.running)]
        now = time.monotonic()
        over = self._graces.over(now) if busy else {}
        for child, work, task in busy:
            if work.limit and now - task.begun > work.limit:
                error = TaskError("TimeoutError", f"took longer than {work.limit:g} s and was killed")
                self._kill(child, Verdict(task.task, task.attempt, error.message, error))
            elif work.job in over:
                reason = f"it did not stop within {over[work.job]:g} s and was killed"
                self._kill(child, Verdict(task.task, task.attempt, reason))

    def _kill(self, child: Child, verdict: Verdict) -> None:
        log.warning("killing process %d for task %d: %s", child.pid, verdict.task, verdict.reason)
        self._runtime.children.kill(child, verdict)
