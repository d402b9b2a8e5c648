"""Writing down who was turned away: a row of the audit each, as far as these stay few.

Anybody can be turned away, as often as they like: so there is a limit on what is written in a second, and the next row
says how many there were beside it.
"""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.errors import Refused, Unauthenticated
from orchestrator.services.keys import Caller
from orchestrator.storage.audit import audit

log = logging.getLogger(__name__)

ACTION = "request.denied"
NOBODY = "anonymous"
MOST_A_SECOND = 20
_LONGEST = 300


class Denials:
    """Of one process."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._clock = engine, clock
        self._lock = threading.Lock()
        self._second, self._written, self._left_out = 0, 0, 0

    def note(self, error: Refused, caller: Caller | None, method: str, path: str, client: str | None) -> None:
        """Keep it: who asked for what, from where, and why not. The query and the key are left out."""
        left_out = self._admit()
        if left_out is None:
            return
        detail = {
            "status": 401 if isinstance(error, Unauthenticated) else 403,
            "key": caller and caller.key_id,
            "client": client,
            "left_out": left_out or None,
        }
        told = {name: value for name, value in detail.items() if value is not None}
        subject = f"{method} {_plain(path)}"
        try:
            with self._engine.begin() as tx:
                audit(tx, NOBODY if caller is None else caller.user, ACTION, subject, _plain(error.detail), told)
        except SQLAlchemyError as failed:
            # Who is turned away is told so all the same.
            log.warning("a request that was turned away is not in the audit: %s", type(failed).__name__)

    def _admit(self) -> int | None:
        """How many were left out since the last row; None when this one is, too."""
        with self._lock:
            second = int(self._clock())
            if second != self._second:
                self._second, self._written = second, 0
            if self._written >= MOST_A_SECOND:
                self._left_out += 1
                return None
            self._written += 1
            left_out, self._left_out = self._left_out, 0
            return left_out


def _plain(text: str) -> str:
    """What a column can keep, and a reader see: short, without controls."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text[:_LONGEST])
