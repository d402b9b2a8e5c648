"""A parcel's tasks, one after the other: report that it began, call the handler, report how it ended. Never raises."""

import asyncio
import inspect
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from billiard.common import terminate_handler_fired

from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.parcel import Parcel, TaskOrder
from orchestrator.contracts.report import Ended, Returned, Started, TaskError
from orchestrator.domain.pace import ALONE_S
from orchestrator.errors import Invalid
from orchestrator.logs import about
from workers import task_log
from workers.allowed import Allowed
from workers.aside import Aside
from workers.context import Context, Facts, Stopped
from workers.ending import Order, ending, task_error
from workers.legible import legible
from workers.registry import Action
from workers.reporter import Reporter
from workers.roots import Roots
from workers.spool import Spool
from workers.time_limit import TimedOut, within

log = logging.getLogger(__name__)

_MAX_REASON = 2000
_UNCHANGING = (str, int, float, bool, type(None))


class Runner:
    """Runs the tasks of parcels that have been admitted (admission.py).

    ``asked_to_stop`` says of a job whether its tasks are to stop; ``node`` is the worker's name.
    """

    def __init__(
        self,
        actions: Mapping[str, Action],
        roots: Roots,
        reporter: Reporter,
        asked_to_stop: Callable[[int], bool],
        node: str = "",
        spool: Spool | None = None,
        allowed: Allowed = Allowed(),  # noqa: B008 - it never changes
    ) -> None:
        self._actions, self._roots, self._reporter, self._allowed = actions, roots, reporter, allowed
        self._asked_to_stop, self._node, self._spool = asked_to_stop, node, spool
        self._bound: tuple[Parcel, dict[str, Any]] | None = None

    def run(self, parcel: Parcel, refused: TaskError | None = None) -> None:
        """Run every task of the parcel; with ``refused`` they end with that error instead.

        When they take longer than tasks that travel together may, those that have not begun are handed back. The only
        thing that comes out of here is the end of this process, after what has not ended is handed back.
        """
        # Two threads take from it, and never the same one.
        waiting = deque(parcel.tasks)
        patience = self._patience(waiting) if len(waiting) > 1 else None
        order: TaskOrder | None = None
        try:
            while (order := _next(waiting)) is not None:
                if self._asked_to_stop(parcel.job):
                    self._reporter.send(Returned(order.task, order.attempt, "the job is being stopped"))
                else:
                    with about(job=parcel.job, task=order.task, attempt=order.attempt, action=parcel.action):
                        self._run_task(parcel, order, refused)
                failpoint("worker.between_tasks")
        except SystemExit:
            if order:
                waiting.appendleft(order)
            self._hand_back(waiting, "the worker is being stopped")
            raise
        finally:
            if patience:
                patience.cancel()
        self._reporter.hurry()

    def _patience(self, waiting: deque[TaskOrder]) -> threading.Timer:
        patience = threading.Timer(ALONE_S, self._hand_back, (waiting, "the tasks before it take long"))
        patience.daemon = True
        patience.start()
        return patience

    def _hand_back(self, waiting: deque[TaskOrder], reason: str) -> None:
        while (order := _next(waiting)) is not None:
            self._reporter.send(Returned(order.task, order.attempt, reason))

    def _run_task(self, parcel: Parcel, order: TaskOrder, refused: TaskError | None) -> None:
        started_at, clock = time.time(), time.monotonic()
        self._reporter.send(Started(order.task, order.attempt, started_at))
        result: dict[str, Any]
        try:
            result = self._result(parcel, order, refused)
        except Exception as error:  # noqa: BLE001 - whatever the hub sent, the worker goes on
            result = {"passed": b"", "error": task_error(error)}
        seconds = time.monotonic() - clock
        ended = Ended(task=order.task, attempt=order.attempt, seconds=seconds, started_at=started_at, **result)
        failpoint("worker.handled")
        self._reporter.send(ended)

    def _result(self, parcel: Parcel, order: TaskOrder, refused: TaskError | None) -> dict[str, Any]:
        """The fields of Ended that say what the task came to."""
        unpacked = Order.of(order, Aside(self._spool, parcel.job, order.task, order.attempt))
        facts = Facts(
            job=parcel.job,
            task=order.task,
            step=parcel.step,
            attempt=order.attempt,
            action=parcel.action,
            site=parcel.site,
            queue=parcel.queue,
            node=self._node,
            params=MappingProxyType(parcel.params),
        )
        stop, tell = lambda: self._asked_to_stop(parcel.job), self._reporter.tell
        ctx = Context(facts, unpacked.paths, self._roots, stop, tell, self._allowed)
        action = self._actions.get(parcel.action)
        error, stopped, called = refused, False, Called()
        if action is None:
            error = error or unknown_action(parcel.action)
        elif error is None:
            task_log.begin(ctx)
            try:
                called = call(action, ctx, unpacked.paths, parcel.timeout, lambda: self._bind(action, parcel))
            finally:
                task_log.end(ctx)
                ctx.close()
            error = called.error
            # One that was told to stop and came back before it was done has stopped, however it did.
            stopped = called.stopped or (not error and ctx.told_to_stop and len(ctx.verdicts) < len(unpacked.paths))
        result = ending(unpacked, ctx.verdicts, error, stopped=stopped) | {"error": error, "stopped": stopped}
        return result | ({"late": True, "at": ctx.at} if called.late else {})

    def _bind(self, action: Action, parcel: Parcel) -> dict[str, Any]:
        """The action's parameters, checked once a parcel where no task can change them for those after it."""
        if self._bound and self._bound[0] is parcel:
            return self._bound[1]
        params = action.parameters.bind(parcel.params)
        if all(isinstance(value, _UNCHANGING) for value in params.values()):
            self._bound = parcel, params
        return params


class Called(NamedTuple):
    """How a call of a handler went."""

    error: TaskError | None = None
    """What it let out."""
    stopped: bool = False
    """It stopped, as it was asked to."""
    late: bool = False
    """It took longer than it may."""


def call(
    action: Action, ctx: Context, paths: Sequence[Any], timeout: float | None, bind: Callable[[], dict[str, Any]]
) -> Called:
    """Call a handler once, with what ``bind`` makes of its parameters."""
    limit = action.timeout if timeout is None else timeout
    try:
        params = bind()
    except Invalid as error:
        return Called(TaskError("BadParameters", legible(str(error), _MAX_REASON)))
    try:
        within(limit, lambda: _finish(action.function(ctx, list(paths), **params)))
    except TimedOut as error:
        late = TaskError("TimeoutError", f"took longer than {limit:g} s", task_error(error).traceback)
        return Called(late, late=True)
    # Whatever comes out of a handler, exits and interrupts included, is the end of its task and not of the worker.
    except BaseException as error:
        if terminate_handler_fired():
            raise
        if ctx.told_to_stop and _only_stopped(error):
            return Called(stopped=True)
        log.warning("%s of job %s, task %s failed", action.name, ctx.job, ctx.task, exc_info=True)
        return Called(task_error(error))
    return Called()


def unknown_action(name: str) -> TaskError:
    """What is said of a task whose action is not here."""
    return TaskError("UnknownAction", f"this node does not offer {name!r}: is its plugin installed and loaded here?")


def _next(waiting: deque[TaskOrder]) -> TaskOrder | None:
    with suppress(IndexError):
        return waiting.popleft()
    return None


def _finish(result: object) -> None:
    if inspect.isawaitable(result):
        asyncio.run(_awaited(result))


async def _awaited(result: Awaitable[Any]) -> None:
    await result


def _only_stopped(error: BaseException) -> bool:
    """Whether this is Stopped, or a group of nothing else (which is what an ``asyncio.TaskGroup`` makes of it)."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return group.split(Stopped)[1] is None
    return isinstance(error, Stopped)
