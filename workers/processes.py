"""Celery's pool of processes, made to tell of births and deaths: the one place that knows how it does that."""

import tempfile
from functools import partial
from multiprocessing.process import current_process
from typing import Any, cast

from celery.concurrency.asynpool import AsynPool
from celery.concurrency.prefork import TaskPool as PreforkPool

from workers.children import Children

# Celery has no types.
_pool, _task_pool = cast(Any, AsynPool), cast(Any, PreforkPool)

_LOOK_AGAIN_SECONDS = 0.1


def pool_with(children: Children) -> type:
    """A pool that keeps these children."""
    # The memory that it shares is a file, unlinked at once: a folder made for that alone would stay after a kill.
    this: Any = current_process()
    this._config.setdefault("tempdir", tempfile.gettempdir())  # noqa: SLF001 - there is no other way to say it

    class Processes(_pool):
        def _create_worker_process(self, i: int) -> Any:
            inherited: Any = super()
            return children.fork(partial(inherited._create_worker_process, i))  # noqa: SLF001 - our own

        def _event_process_exit(self, hub: Any, proc: Any) -> None:
            inherited: Any = super()
            inherited._event_process_exit(hub, proc)  # noqa: SLF001 - our own
            # Its pipe closes a moment before it can be waited for: look again, or that is found out after 5 s.
            if proc in self._pool:
                hub.call_later(_LOOK_AGAIN_SECONDS, self._event_process_exit, hub, proc)

        def process_flush_queues(self, proc: Any) -> None:
            # Called for each process that has ended, before another takes its place.
            inherited: Any = super()
            inherited.process_flush_queues(proc)
            if proc.exitcode is not None:
                children.lost(proc.pid, proc.exitcode)

    class TaskPool(_task_pool):
        Pool = Processes

    return TaskPool
