"""Sending what is in the outbox of the webhooks, beside the requests: on threads and connections of its own."""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.api.post import Posted, post
from orchestrator.contracts.webhook import signed, webhook_key
from orchestrator.services.webhooks import PAUSES_S, Delivery, delivered, failed, take, wanting
from orchestrator.storage.database import make_engine

log = logging.getLogger("orchestrator.deliverer")

EVERY_S = 1.0
THREADS = 4
"""So many webhooks are sent to at once: one that is slow does not keep the others waiting."""
ROUND = 50
"""Deliveries to one webhook in a row."""


class Deliverer(threading.Thread):
    """Delivers until ``end``, at least once each; several beside each other do not send the same at the same time."""

    def __init__(
        self, database_url: str, secret: bytes, *, private: bool, pauses_s: Sequence[float] = PAUSES_S
    ) -> None:
        super().__init__(name="deliverer", daemon=True)
        self._engine = make_engine(database_url, pool_size=THREADS, name="orchestrator webhooks")
        self._secret, self._private, self._pauses_s = secret, private, pauses_s
        self._ending = threading.Event()
        self._busy: set[int] = set()
        self._senders = ThreadPoolExecutor(THREADS, "webhook")

    def run(self) -> None:
        """Look, send, and wait."""
        while not self._ending.is_set():
            try:
                with self._engine.begin() as tx:
                    webhooks = wanting(tx)
            except SQLAlchemyError as error:
                log.warning("webhooks wait: %s", str(error).partition("\n")[0])
            else:
                for webhook in set(webhooks) - self._busy:
                    self._busy.add(webhook)
                    self._senders.submit(self._serve, webhook)
            self._ending.wait(EVERY_S)
        self._senders.shutdown(cancel_futures=True)
        self._engine.dispose()

    def end(self) -> None:
        """Stop after what is being sent; the rest stays in the outbox."""
        self._ending.set()
        self.join()

    def _serve(self, webhook: int) -> None:
        try:
            for _ in range(ROUND):
                if self._ending.is_set() or not self._send_next(webhook):
                    return
        except SQLAlchemyError as error:
            log.warning("webhook %d waits: %s", webhook, str(error).partition("\n")[0])
        finally:
            self._busy.discard(webhook)

    def _send_next(self, webhook: int) -> bool:
        """Send one; False when there is none, or it was not taken."""
        with self._engine.begin() as tx:
            next_one = take(tx, webhook)
        if next_one is None:
            return False
        posted = self._post(next_one)
        with self._engine.begin() as tx:
            if posted.error is None:
                delivered(tx, next_one)
            else:
                ill = posted.status is None or posted.status >= 500 or posted.status == 429
                failed(tx, next_one, posted.error, rest=ill, pauses_s=self._pauses_s)
        return posted.error is None

    def _post(self, sent: Delivery) -> Posted:
        headers = signed(webhook_key(self._secret, sent.webhook), sent.id, int(time.time()), sent.body)
        return post(sent.url, sent.body, headers, private=self._private)
