"""A plugin with a defect nobody knows of: one message ends every worker that takes it, and comes back each time."""

from typing import Any, cast

from celery import signals as celery_signals

DEADLY = "deadly"
"""The id of that message."""

# Celery has no types.
signals = cast(Any, celery_signals)


def end(request: Any = None, **_: Any) -> None:
    """Called in the worker's own process, before it has acknowledged the message."""
    if request.id == DEADLY:
        raise SystemExit(1)


signals.task_received.connect(end, weak=False)
