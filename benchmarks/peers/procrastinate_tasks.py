"""Procrastinate on PostgreSQL: two worker processes, ten coroutines each, and step 1 defers step 2."""

import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from benchmarks.peers.answer import Measures, answer, wait_for

POSTGRES = os.environ["PEER_POSTGRES_URL"]
PROCESSES, COROUTINES = 2, 10

app = App(connector=PsycopgConnector(conninfo=POSTGRES))


@app.task(name="first")
async def first(item: int) -> None:
    """Step 1 of the chain."""
    await second.defer_async(item=item)


@app.task(name="second")
async def second(item: int) -> None:
    """Step 2."""


def chains(n: int) -> float:
    """Seconds for so many chains, from before they are deferred, as one batch, until all jobs have succeeded."""
    with psycopg.connect(POSTGRES, autocommit=True) as connection, _client() as client:
        target = _done(connection) + 2 * n
        began = time.monotonic()
        client.configure_task("first").batch_defer(*({"item": item} for item in range(n)))
        wait_for(lambda: _done(connection) >= target, 900, f"{2 * n} jobs", 0.05)
        return time.monotonic() - began


def single(n: int) -> list[float]:
    """Milliseconds from deferring a task to seeing that it has succeeded, one at a time."""
    took: list[float] = []
    with psycopg.connect(POSTGRES, autocommit=True) as connection, _client() as client:
        for item in range(n):
            began = time.monotonic()
            job = client.configure_task("second").defer(item=item)
            wait_for(lambda: _succeeded(connection, job), 30, "one job", 0.0005)  # noqa: B023 - before it changes
            took.append((time.monotonic() - began) * 1000)
    return took


def _client() -> Any:
    return App(connector=SyncPsycopgConnector(conninfo=POSTGRES)).open()


def _done(connection: "psycopg.Connection[tuple[Any, ...]]") -> int:
    found = connection.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'").fetchone()
    return found[0] if found else 0


def _succeeded(connection: "psycopg.Connection[tuple[Any, ...]]", job: int) -> bool:
    found = connection.execute("SELECT status FROM procrastinate_jobs WHERE id = %s", [job]).fetchone()
    return bool(found and found[0] == "succeeded")


@contextmanager
def at_work() -> Generator[Measures]:
    """With its schema and its workers, warm."""
    with App(connector=SyncPsycopgConnector(conninfo=POSTGRES)).open() as client:
        client.schema_manager.apply_schema()
    command = [
        sys.executable,
        "-P",
        "-m",
        "procrastinate",
        "--app",
        "benchmarks.peers.procrastinate_tasks.app",
        "worker",
    ]
    workers = [subprocess.Popen([*command, "--concurrency", str(COROUTINES)]) for _ in range(PROCESSES)]
    try:
        single(20)
        yield {"chains": chains, "single": single}
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait()


if __name__ == "__main__":
    answer(at_work, "procrastinate", "psycopg")
