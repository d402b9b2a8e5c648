"""What happens in a worker beside its messages, at the moments that Celery tells of: it begins, drains, ends."""

import os
import signal
from typing import Any, cast

from celery import signals as celery_signals
from celery.worker import state as celery_state

from workers.announce import Announcer
from workers.lifeline import end_with_parent
from workers.receiver import Receiver
from workers.runtime import Runtime
from workers.task_log import listen
from workers.watch import Message, Watch

# Celery has no types.
signals, state = cast(Any, celery_signals), cast(Any, celery_state)

_FLUSH_SECONDS = 10


def attend(runtime: Runtime, concurrency: int, receiver: Receiver | None) -> None:
    """Announce this pool, watch its children (with a receiver: walkers have none), and send the last reports."""
    announcer = Announcer(runtime, concurrency, holding=lambda: holding(busy=runtime.running >= concurrency))
    watch = Watch(runtime, receiver.hand_back) if receiver else None
    parent = os.getpid()

    def begin_child(**_: Any) -> None:
        end_with_parent(parent, signal.SIGKILL)
        runtime.limits.take_effect()
        listen()

    def end_child(**_: Any) -> None:
        runtime.reporter.flush(_FLUSH_SECONDS)

    def ready(**_: Any) -> None:
        if watch:
            watch.start()
        if runtime.pool == "threads":
            runtime.limits.take_effect()
            if receiver:
                listen()
        announcer.start()

    def stopping(**_: Any) -> None:
        # In a signal handler: nothing here may wait for a lock that this thread may hold already.
        runtime.stopping.set()
        if watch:
            watch.drain(waiting())
        announcer.now()

    def end(**_: Any) -> None:
        if watch:
            watch.stop()
        runtime.reporter.flush(_FLUSH_SECONDS)
        announcer.stop()

    for event, handler in (
        (signals.worker_process_init, begin_child),
        (signals.worker_process_shutdown, end_child),
        (signals.worker_ready, ready),
        (signals.worker_shutting_down, stopping),
        (signals.worker_shutdown, end),
    ):
        event.connect(handler, weak=False)


def holding(*, busy: bool) -> list[str]:
    """The messages that this worker has received and not finished: ids of parcels and orders.

    One that it could have begun and has not is none of these: it may never be, and then the hub has to take it back.
    """
    return [id for id, one in list(state.requests.items()) if busy or one.time_start]


def waiting() -> list[Message]:
    """Of these, those that have not begun."""
    return [(one.type, one.args[0]) for one in list(state.requests.values()) if not one.time_start and one.args]
