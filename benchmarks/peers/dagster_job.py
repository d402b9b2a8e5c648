"""Dagster: a job that maps two ops over the items with dynamic outputs, in one process, its state in PostgreSQL.

Its other executor starts a process for every step, which takes seconds a step.
"""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster import DagsterInstance, DynamicOut, DynamicOutput, job, op

from benchmarks.peers.answer import Measures, answer

FOLDER = Path(os.environ["PEER_FOLDER"])
SETTINGS = """
storage:
  postgres:
    postgres_url: {url}
telemetry:
  enabled: false
"""


@op(out=DynamicOut(int), config_schema={"n": int})
def items(context) -> Iterator[DynamicOutput[int]]:
    """All items."""
    for item in range(context.op_config["n"]):
        yield DynamicOutput(item, mapping_key=str(item))


@op
def first(item: int) -> int:
    """Step 1 of the chain."""
    return item


@op
def second(item: int) -> int:
    """Step 2."""
    return item


@job
def both() -> None:
    """All chains."""
    items().map(lambda item: second(first(item)))


def chains(n: int) -> float:
    """Seconds for so many chains, from the call until the run has ended, every step's events stored."""
    with DagsterInstance.from_config(str(FOLDER)) as instance:
        began = time.monotonic()
        result = both.execute_in_process({"ops": {"items": {"config": {"n": n}}}}, instance=instance)
        took = time.monotonic() - began
    if not result.success:
        raise RuntimeError("the run failed")
    return took


@contextmanager
def at_work() -> Generator[Measures]:
    """With its instance, warm."""
    (FOLDER / "dagster.yaml").write_text(SETTINGS.format(url=os.environ["PEER_POSTGRES_URL"]))
    os.environ["DAGSTER_HOME"] = str(FOLDER)
    chains(2)
    yield {"chains": chains}


if __name__ == "__main__":
    answer(at_work, "dagster", "dagster-postgres")
