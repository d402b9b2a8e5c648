"""The hub's clock: it fires schedules when they are due, and wakes the hub for it."""

import math
import time

from sqlalchemy import Connection

from orchestrator.contracts.failpoints import failpoint
from orchestrator.services.come_due import come_due
from orchestrator.services.control import Revoke

AT_ONCE = 20
"""Firings between two turns of the hub: a thousand schedules of midnight do not keep all else waiting."""
AGAIN_S = 0.005
"""When it looks again for what is due and was not found: somebody is just changing it, or it was a little early."""


class Scheduler:
    """Fires on the hub's connection, a transaction each; it knows when it has to look again."""

    def __init__(self, connection: Connection, revoke: Revoke) -> None:
        self._connection, self._revoke = connection, revoke
        self._look_at = self._not_before = 0.0
        """By the monotonic clock."""

    def wait_s(self, most: float) -> float:
        """How long the hub may wait for something else, at most so long."""
        return max(0.0, min(most, self._look_at - time.monotonic()))

    def told(self, due_s: float | None) -> None:
        """In how many seconds something is due, by the database; None: nothing is."""
        due_at = math.inf if due_s is None else time.monotonic() + due_s
        self._look_at = max(due_at, self._not_before)

    def work(self) -> bool:
        """Fire what is due; whether anything was."""
        if time.monotonic() < self._look_at:
            return False
        fired = 0
        while fired < AT_ONCE and self._fire():
            fired += 1
        if not fired:
            self._look_at = self._not_before = time.monotonic() + AGAIN_S
        return fired > 0

    def _fire(self) -> bool:
        with self._connection.begin():
            if not come_due(self._connection, self._revoke):
                return False
            failpoint("schedule.firing")
        failpoint("schedule.fired")
        return True
