"""Taking the messages of one pool of handlers: what may be run here is claimed, and what is won is run."""

import logging
import threading
from typing import Any, cast

from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.parcel import Parcel
from orchestrator.contracts.report import Returned, TaskError
from orchestrator.logs import about
from workers.admission import NotAdmitted, Post, forbidden, opened
from workers.limits import Budget
from workers.page import Noted
from workers.registry import REGISTRY
from workers.reporter import Reporter
from workers.runner import Runner, unknown_action
from workers.runtime import Runtime
from workers.stops import Stops

log = logging.getLogger(__name__)

OVERTIME_SECONDS = 10.0
"""So long after its time limit a task that has not come to an end by itself is killed, unless the parcel says when."""


class Receiver:
    """Takes messages, in whichever process they come."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._post = Post(runtime.site.name, runtime.queue, runtime.function, runtime.key, runtime.seen)
        self._own = threading.local()

    @property
    def _stops(self) -> Stops:
        """This thread's, which is at one job at a time."""
        if not hasattr(self._own, "stops"):
            self._own.stops = Stops(self._runtime.redis, self._runtime.site.name)
        return self._own.stops

    def receive(self, task_name: str, argument: object) -> None:
        """Run what the message holds, if it is to be run here."""
        try:
            parcel = self._post.admit(opened(argument), task_name)
        except NotAdmitted as refusal:
            log.warning("refused a message for %s: %s", task_name, refusal)
            return
        with about(job=parcel.job, action=parcel.action):
            self._run(parcel, forbidden(parcel.action, self._runtime.site))

    def unknown(self, message: Any = None, name: str = "", **_: Any) -> None:
        """Answer a message whose action is not here, so that its tasks end with that reason and do not just vanish."""
        try:
            arguments = cast("tuple[list[object], object, object]", message.payload)[0]
            parcel = self._post.admit(opened(arguments[0]), name)
        # Nobody has vouched for this message yet: it may hold anything.
        except Exception as refusal:  # noqa: BLE001
            log.warning("refused a message for %s, which is not known here: %s", name, refusal)
            return
        with about(job=parcel.job, action=name):
            self._run(parcel, unknown_action(name))

    def hand_back(self, task_name: str, argument: object) -> None:
        """Give back what the message holds, as far as nobody has claimed it. RedisError when the broker is away."""
        try:
            parcel = self._post.admit(opened(argument), task_name)
        except NotAdmitted:
            return
        if self._runtime.claims.take(parcel.epoch, parcel.job, parcel.id):
            for order in parcel.tasks:
                self._runtime.reporter.send(Returned(order.task, order.attempt, "the worker takes nothing new"))

    def _run(self, parcel: Parcel, refused: TaskError | None) -> None:
        runtime, page = self._runtime, self._runtime.children.own
        reporter: Reporter = runtime.reporter
        if page:
            page.claiming(parcel, _limit(parcel))
            reporter = Noted(page, reporter)
        if page and runtime.limits.cpu_time is not None:
            reporter = Budget(reporter, runtime.limits.cpu_time)
        failpoint("worker.received")
        won = runtime.claims.win(parcel)
        failpoint("worker.won")
        if page:
            page.claimed(won=won)
        failpoint("worker.claimed")
        if won:
            self._stops.claimed(parcel.job)
            asked, allowed = self._stops.asked, runtime.site.allowed
            runner = Runner(REGISTRY.actions, runtime.roots, reporter, asked, runtime.node, runtime.spool, allowed)
            runtime.at_work.add(parcel.id)
            try:
                runner.run(parcel, refused)
            finally:
                runtime.at_work.discard(parcel.id)


def _limit(parcel: Parcel) -> float:
    """Seconds after which a task of it is killed with its process; 0 = never."""
    if parcel.hard_timeout:
        return parcel.hard_timeout
    action = REGISTRY.actions.get(parcel.action)
    soft = parcel.timeout or (action and action.timeout)
    return soft + OVERTIME_SECONDS if soft else 0.0
