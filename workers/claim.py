"""Claiming before work: the right to run what was handed out is won once, or nothing is run (contracts/claims.py).

What is not won is dropped without a word: it runs or ran elsewhere, was taken back, or its job is paused or cancelled.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, cast

from redis import Redis, RedisError

from orchestrator.contracts.claims import CLAIM, claim_call
from orchestrator.contracts.parcel import Parcel, WalkOrder
from workers.seen import Seen

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 10.0
"""How long a broker that does not answer is asked again; then nothing is run, and the hub hands it out anew."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0


class Claims:
    """Claims the messages of one site; ``stopping`` ends the wait for a broker that is away."""

    def __init__(
        self,
        connect: Callable[[], Redis],
        site: str,
        seen: Seen,
        stopping: threading.Event,
        *,
        patience_s: float = _PATIENCE_SECONDS,
    ) -> None:
        self._connect, self._site, self._seen = connect, site, seen
        self._stopping, self._patience_s = stopping, patience_s

    def win(self, message: Parcel | WalkOrder) -> bool:
        """Whether what the message hands out is ours to run, now and this once."""
        if not self._insist(message):
            log.info("%s of job %s is not ours to run: claimed, taken back or not permitted", message.id, message.job)
            return False
        # Redis may have been set back to an earlier state, or by somebody: what has been run is not run again.
        if not self._seen.first(message.id, message.expires, message.epoch):
            log.warning("refused %s of job %s: it has been run here before", message.id, message.job)
            return False
        return True

    def take(self, epoch: int, job: int, message: str) -> bool:
        """Claim at once and not to run it: what is won is to be handed back. RedisError when there is no answer."""
        keys, arguments = claim_call(self._site, epoch, job, message)
        script: Any = self._connect().register_script(CLAIM)
        return cast(bytes, script(keys=keys, args=arguments)) == b"won"

    def _insist(self, message: Parcel | WalkOrder) -> bool:
        give_up, pause = time.monotonic() + self._patience_s, _FIRST_PAUSE
        while True:
            try:
                return self.take(message.epoch, message.job, message.id)
            except RedisError as error:
                if time.monotonic() + pause > give_up or self._stopping.wait(pause):
                    log.warning("%s is not run, since it can not be claimed: %s", message.id, type(error).__name__)
                    return False
                pause = min(2 * pause, _LONGEST_PAUSE)
