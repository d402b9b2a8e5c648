"""DBOS on PostgreSQL: an item is a workflow of two steps in a queue, which two processes serve.

Set for speed: the queue is looked at every 50 ms (it is 1 s otherwise), ten workflows at a time in each process.
"""

import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
from dbos import DBOS, DBOSClient

from benchmarks.peers.answer import Measures, answer, wait_for

POSTGRES = os.environ["PEER_POSTGRES_URL"]
PROCESSES = 2


@DBOS.step()
def first(item: int) -> None:
    """Step 1 of the chain."""


@DBOS.step()
def second(item: int) -> None:
    """Step 2."""


@DBOS.workflow(name="both")
def both(item: int) -> None:
    """The chain."""
    first(item)
    second(item)


def chains(n: int) -> float:
    """Seconds for so many workflows, from before the first is put into the queue until all have succeeded."""
    client = DBOSClient(system_database_url=POSTGRES)
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        target = _done(connection) + n
        began = time.monotonic()
        for item in range(n):
            client.enqueue({"workflow_name": "both", "queue_name": "items"}, item)
        wait_for(lambda: _done(connection) >= target, 900, f"{n} workflows", 0.05)
        took = time.monotonic() - began
    client.destroy()
    return took


def _done(connection: "psycopg.Connection[tuple[Any, ...]]") -> int:
    found = connection.execute("SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'").fetchone()
    return found[0] if found else 0


def work() -> None:
    """Be one of the processes that serve the queue."""
    DBOS(
        config={"name": "peer", "system_database_url": POSTGRES, "run_admin_server": False, "application_version": "1"}
    )
    DBOS.launch()
    DBOS.register_queue("items", worker_concurrency=10, polling_interval_sec=0.05)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()  # until who started this ends


@contextmanager
def at_work() -> Generator[Measures]:
    """With its workers, warm."""
    command = [sys.executable, "-P", "-m", "benchmarks.peers.dbos_workflows", "work"]
    with ExitStack() as workers:
        for _ in range(PROCESSES):  # one after the other: the first makes the tables
            worker = workers.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            workers.callback(worker.terminate)
            if worker.stdout is None or b"ready" not in worker.stdout.read1(100):
                raise RuntimeError("a worker did not start")
        chains(20)
        yield {"chains": chains}


if __name__ == "__main__":
    work() if sys.argv[1:] == ["work"] else answer(at_work, "dbos")
