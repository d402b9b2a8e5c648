"""Pruning every hour, beside the requests: on a thread and a connection of its own, a quarter of the time at most.

What jobs that are gone have left in the folder of the attachments goes as well, and in that of the workspaces.
"""

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.domain.retention import Periods
from orchestrator.errors import OrchestratorError
from orchestrator.services.prune import Pruned, prune
from orchestrator.services.sweep import sweep
from orchestrator.services.workspace import Workspaces
from orchestrator.storage.database import make_engine
from orchestrator.storage.files import Files

log = logging.getLogger("orchestrator.pruner")

EVERY_S = 3600.0
_REST = 3
"""How much longer it rests after each transaction than that took: the hub wants the database, too."""


class Pruner(threading.Thread):
    """Deletes what is past its period, until ``end``. What fails is logged, and tried again in an hour."""

    def __init__(self, database_url: str, periods: Periods, files: Files, workspaces: Workspaces) -> None:
        super().__init__(name="pruner", daemon=True)
        self._engine = make_engine(database_url, pool_size=1, name="orchestrator prune")
        self._periods, self._files, self._workspaces = periods, files, workspaces
        self._ending = threading.Event()

    def run(self) -> None:
        """Prune, and wait."""
        while not self._ending.is_set():
            try:
                done = Pruned()
                if self._periods:
                    done = prune(self._engine, self._periods, lambda took: self._ending.wait(_REST * took))
                files = self._files.sweep(self._engine)
                sweep(self._engine, self._workspaces)
            except (SQLAlchemyError, OSError, OrchestratorError) as error:
                log.warning("pruning goes on in an hour: %s", error)
            else:
                jobs, others = done.jobs.total(), done.others.total()
                log.info("%d jobs pruned, with %d tasks; %d other rows, %d files", jobs, done.tasks, others, files)
            self._ending.wait(EVERY_S)
        self._engine.dispose()

    def end(self) -> None:
        """Stop after the present transaction; what is left goes on at another time."""
        self._ending.set()
        self.join()
