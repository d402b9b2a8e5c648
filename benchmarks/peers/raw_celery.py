"""Raw Celery: Redis, prefork with two processes, no results, and step 1 publishes step 2. It keeps no state at all.

Set to its best: nothing is persisted, no gossip, heartbeats or events, and many messages are fetched ahead.
"""

import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import Celery

from benchmarks.peers.answer import Measures, answer, wait_for
from benchmarks.peers.tally import Tally

FOLDER = Path(os.environ["PEER_FOLDER"])
WORKER = ["worker", "-P", "prefork", "-c", "2", "--without-gossip", "--without-mingle", "--without-heartbeat"]

app: Any = Celery("peer", broker=os.environ["PEER_REDIS_URL"])
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=64, broker_connection_retry_on_startup=True)
ran = Tally(FOLDER / "ran")


@app.task(name="first")
def first(item: int) -> None:
    """Step 1 of the chain."""
    ran.add()
    second.delay(item)


@app.task(name="second")
def second(item: int) -> None:  # noqa: ARG001 - what is done to it is nothing
    """Step 2."""
    ran.add()


def chains(n: int) -> float:
    """Seconds for so many chains, from before the first is published until all steps have run."""
    target = ran.total + 2 * n
    began = time.monotonic()
    for item in range(n):
        first.delay(item)
    wait_for(lambda: ran.total >= target, 900, f"{2 * n} tasks", 0.01)
    return time.monotonic() - began


def single(n: int) -> list[float]:
    """Milliseconds from sending a task to its having run, one at a time."""
    took: list[float] = []
    for item in range(n):
        target = ran.total + 1
        began = time.monotonic()
        second.delay(item)
        wait_for(lambda: ran.total >= target, 30, "one task", 0.0002)  # noqa: B023 - waited for before it changes
        took.append((time.monotonic() - began) * 1000)
    return took


@contextmanager
def at_work() -> Generator[Measures]:
    """With its worker, warm."""
    command = [sys.executable, "-P", "-m", "celery", "-A", "benchmarks.peers.raw_celery", *WORKER]
    with subprocess.Popen(command) as worker:
        single(20)
        yield {"chains": chains, "single": single}
        worker.terminate()


if __name__ == "__main__":
    answer(at_work, "celery", "redis")
