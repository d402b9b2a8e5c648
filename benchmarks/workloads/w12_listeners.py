"""W12: a job that goes on for a while, with a thousand who listen to live events and with nobody.

Half of them listen to the job, half to everything. The tasks of the job wait, so that the processors have time for
all: what the listeners cost is looked for in the time of each part, and in the transactions of the database.
"""

import json
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import IO, NamedTuple, cast

import psycopg

from benchmarks.figures import Figure
from benchmarks.plan import OURS, Plan, Taken, values
from benchmarks.processes import cpu_by_part
from benchmarks.stack import Stack, Unsound, names, started

LISTENERS, BATCHES = 1_000, 1_000
SLEEP_S = 0.02
MORE_HUB = 1.1
MORE_TRANSACTIONS = 20.0
"""A second: two looks every 0.3 s, each behind a ping, and some as the job moves; for all of them together."""
TOLD_S = 12.0
"""PostgreSQL counts a connection's transactions up to 10 s later: those of coming to listen are not to be counted."""
_COMMITS = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"


class Cost(NamedTuple):
    """What was taken while a job ran."""

    seconds: float
    cpu: dict[str, float]
    """Seconds of the processor, by part."""
    transactions: float
    """A second."""
    heard: int = 0


def listeners(plan: Plan) -> Iterator[Figure]:
    """The same job without and with them, in turns."""
    count, batches = plan.size(LISTENERS, 10), plan.size(BATCHES, 20)
    with started() as stack:
        plan.meet(stack)
        workflow = stack.define({"name": "sleep", "seconds": SLEEP_S})
        stack.check(stack.timed(workflow, names(20))[1], 20, 1)
        sides = {
            "alone": lambda: Taken(_job(stack, workflow, batches, 0)),
            "listened": lambda: Taken(_job(stack, workflow, batches, count)),
        }
        taken = plan.take_turns("W12", sides)
    alone, listened = values(taken["alone"]), values(taken["listened"])
    size = f"{count:,} listeners, {batches:,} tasks of {SLEEP_S * 1000:.0f} ms"
    pairs = list(zip(listened, alone, strict=True))
    hub = [with_.cpu["hub"] / without.cpu["hub"] for with_, without in pairs]
    yield Figure("W12", OURS, "hub's processor time, over without", "x", hub, size, at_most=MORE_HUB)
    longer = [with_.seconds / without.seconds for with_, without in pairs]
    yield Figure("W12", OURS, "time of the job, over without", "x", longer, size)
    more = [with_.transactions - without.transactions for with_, without in pairs]
    yield Figure("W12", OURS, "transactions, more than without", "/s", more, size, at_most=MORE_TRANSACTIONS)
    for part in ("api", "postgres"):
        used = [100 * (one.cpu[part] / one.seconds - other.cpu[part] / other.seconds) for one, other in pairs]
        yield Figure("W12", OURS, f"of one core, more than without: {part}", "%", used, size)
    yield Figure("W12", OURS, "events sent", "/s", [one.heard / one.seconds for one in listened], size)


def _job(stack: Stack, workflow: str, batches: int, count: int) -> Cost:
    with psycopg.connect(stack.profile.database_url, autocommit=True) as connection:
        scope = {"workflow": workflow}
        hold = stack.client.request("POST", "/holds", {"scope": scope, "reason": "all come first"})["id"]
        job = stack.submit(workflow, names(batches))
        with _listening(stack, job, count) as heard:
            time.sleep(TOLD_S)
            begun, cpu, commits = time.monotonic(), cpu_by_part(stack.pids()), _commits(connection)
            stack.client.request("DELETE", f"/holds/{hold}", {"reason": "all are there"})
            stack.check(stack.end(job), batches, 1)
            seconds = time.monotonic() - begun
            after = cpu_by_part(stack.pids())
            transactions = (_commits(connection) - commits) / seconds
    used = {part: after[part] - cpu.get(part, 0.0) for part in after}
    return Cost(seconds, used, transactions, sum(heard))


def _commits(connection: psycopg.Connection) -> int:
    [(count,)] = connection.execute(_COMMITS).fetchall()
    return count


@contextmanager
def _listening(stack: Stack, job: int, count: int) -> Generator[list[int]]:
    """So many who listen; what they have heard is in the list afterwards."""
    heard: list[int] = []
    if not count:
        yield heard
        return
    paths = [f"/jobs/{job}/events", "/events"]
    command = [sys.executable, "-m", "benchmarks.listeners", stack.profile.url, stack.profile.key, str(count), *paths]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        input, output = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
        if output.readline() != "ready\n":
            raise Unsound("those who should listen did not come to it")
        yield heard
        input.close()
        told = json.loads(output.readline())
    # The job's own streams end with it.
    if told["broken"] > (count + 1) // 2:
        raise Unsound(f"{told['broken']} of {count} streams broke off")
    heard.append(told["events"])
