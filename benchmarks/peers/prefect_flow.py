"""Prefect 3: a flow that maps two tasks over the items, two threads, and its own server.

Its server keeps its state in SQLite: PostgreSQL needs the extension pg_trgm, which the embedded one does not have.
It is done when the API says that all task runs are completed, which is later than the flow's own end.
"""

import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(os.environ["PEER_FOLDER"])
URL = f"http://127.0.0.1:{os.environ['PEER_PORT']}/api"
os.environ |= {
    "PREFECT_HOME": str(FOLDER / "prefect"),
    "PREFECT_API_URL": URL,
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
}

import httpx  # noqa: E402 - Prefect reads its settings when it is imported
from prefect import flow, task  # noqa: E402
from prefect.task_runners import ThreadPoolTaskRunner  # noqa: E402

from benchmarks.peers.answer import Measures, answer, wait_for  # noqa: E402


@task
def first(item: int) -> int:
    """Step 1 of the chain."""
    return item


@task
def second(item: int) -> int:
    """Step 2."""
    return item


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def both(n: int) -> None:
    """All chains."""
    second.map(first.map(range(n))).wait()


def chains(n: int) -> float:
    """Seconds for so many chains, from the call until the API says that all of it is completed."""
    target = _done() + 2 * n
    began = time.monotonic()
    both(n)
    wait_for(lambda: _done() >= target, 900, f"{2 * n} task runs", 0.2)
    return time.monotonic() - began


def _done() -> int:
    completed = {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    return httpx.post(f"{URL}/task_runs/count", json=completed, timeout=30).raise_for_status().json()


def _is_up() -> bool:
    try:
        return httpx.get(f"{URL}/health", timeout=5).is_success
    except httpx.TransportError:
        return False


@contextmanager
def at_work() -> Generator[Measures]:
    """With its server, warm."""
    server = [sys.executable, "-P", "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--no-ui"]
    with subprocess.Popen([*server, "--port", os.environ["PEER_PORT"]]) as running:
        wait_for(_is_up, 120, "its server", 0.2)
        chains(2)
        yield {"chains": chains}
        running.terminate()


if __name__ == "__main__":
    answer(at_work, "prefect")
