"""Pruning every hour, beside the requests: on a thread and a connection of its own, a quarter of the time at most."""

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.domain.retention import Periods
from orchestrator.services.prune import prune
from orchestrator.storage.database import make_engine

log = logging.getLogger("orchestrator.pruner")

EVERY_S = 3600.0
_REST = 3
"""How much longer it rests after each transaction than that took: the hub wants the database, too."""


class Pruner(threading.Thread):
    """Deletes what is past its period, until ``end``. What fails is logged, and tried again in an hour."""

    def __init__(self, database_url: str, periods: Periods) -> None:
        super().__init__(name="pruner", daemon=True)
        self._engine = make_engine(database_url, pool_size=1, name="orchestrator prune")
        self._periods = periods
        self._ending = threading.Event()

    def run(self) -> None:
        """Prune, and wait."""
        while not self._ending.is_set():
            try:
                done = prune(self._engine, self._periods, lambda took: self._ending.wait(_REST * took))
            except SQLAlchemyError as error:
                log.warning("pruning goes on in an hour: %s", error)
            else:
                log.info(
                    "%d jobs pruned, with %d tasks; %d other rows", done.jobs.total(), done.tasks, done.others.total()
                )
            self._ending.wait(EVERY_S)
        self._engine.dispose()

    def end(self) -> None:
        """Stop after the present transaction; what is left goes on at another time."""
        self._ending.set()
        self.join()
