"""Celery's consumer, made to tell those who look (Flower) of its messages now and then, and not of each at once."""

from typing import Any, cast

from celery.worker import consumer as celery_consumer

# Celery has no types.
_consumer = cast(Any, celery_consumer).Consumer

_TOLD_WITHIN_S = 0.1


class Consumer(_consumer):
    """Takes the messages of a worker."""

    _due = False

    def on_send_event_buffered(self) -> None:
        """Send events together: sending them in each turn of its loop cost Celery as much as all else."""
        hub: Any = self.hub
        if hub and not self._due:
            self._due = True
            hub.call_later(_TOLD_WITHIN_S, self._tell)

    def _tell(self) -> None:
        self._due = False
        self._flush_events()
