"""Celery's canvas, with every result in PostgreSQL: a group of chains, prefork with two processes.

It is done when the results of all tasks are there. They are counted by SQL: to ask the results themselves, as
``join`` does, takes the client longer than the work takes.
"""

import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg
from celery import Celery, chain, group

from benchmarks.peers.answer import Measures, answer, wait_for

POSTGRES = os.environ["PEER_POSTGRES_URL"]
WORKER = ["worker", "-P", "prefork", "-c", "2", "--without-gossip", "--without-mingle", "--without-heartbeat"]

app: Any = Celery("peer", broker=os.environ["PEER_REDIS_URL"])
app.conf.update(
    result_backend="db+" + POSTGRES.replace("postgresql://", "postgresql+psycopg://"),
    broker_connection_retry_on_startup=True,
)


@app.task(name="first")
def first(item: int) -> None:
    """Step 1 of the chain."""


@app.task(name="second")
def second(item: int) -> None:
    """Step 2."""


def chains(n: int) -> float:
    """Seconds for so many chains, from before the canvas is made until all results are there."""
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        target = _done(connection) + 2 * n
        began = time.monotonic()
        group(chain(first.si(item), second.si(item)) for item in range(n)).apply_async()
        wait_for(lambda: _done(connection) >= target, 900, f"{2 * n} results", 0.05)
        return time.monotonic() - began


def _done(connection: "psycopg.Connection[tuple[Any, ...]]") -> int:
    found = connection.execute("SELECT count(*) FROM celery_taskmeta WHERE status = 'SUCCESS'").fetchone()
    return found[0] if found else 0


@contextmanager
def at_work() -> Generator[Measures]:
    """With its worker, warm, and its tables made."""
    command = [sys.executable, "-P", "-m", "celery", "-A", "benchmarks.peers.celery_canvas", *WORKER]
    with subprocess.Popen(command) as worker:
        first.delay(0).get(timeout=60)
        yield {"chains": chains}
        worker.terminate()


if __name__ == "__main__":
    answer(at_work, "celery", "sqlalchemy", "psycopg")
