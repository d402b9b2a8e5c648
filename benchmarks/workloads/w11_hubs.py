"""W11: two hubs over one PostgreSQL, each with jobs of its own: whether one takes from the other more than its cores.

They have a database each on the same server, as hubs would have that share out jobs: these meet in no row either.
"""

import time
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
from sqlalchemy import make_url

from benchmarks.figures import Figure, ratios
from benchmarks.plan import OURS, Plan, values
from benchmarks.processes import cpu_by_part
from benchmarks.stack import Stack, names, started
from benchmarks.workloads.w1_chains import BATCHES, STEPS, WARM_UP

_DATABASE = "another"
_WRITERS = ("hub", "postgres")


class Shared(NamedTuple):
    """What hubs give together."""

    rate: float
    """Tasks a second."""
    cost_us: float
    """Microseconds of processor that they and the database had for a task."""


def hubs(plan: Plan) -> Iterator[Figure]:
    """One at work, then both."""
    batches = plan.size(BATCHES)
    with started() as first, _on_the_same_server(first) as second:
        plan.meet(first)
        chains = {stack: stack.define(*["noop"] * STEPS) for stack in (first, second)}
        _run(chains, plan.size(WARM_UP))
        sides = {
            "1 hub": plan.ours(first, lambda: _run({first: chains[first]}, batches)),
            "2 hubs": plan.ours(first, lambda: _run(chains, batches)),
        }
        taken = plan.take_turns("W11", sides)
    size = f"{batches:,} x {STEPS} each"
    for who, measured in taken.items():
        yield Figure("W11", OURS, f"throughput of {who}", "tasks/s", [one.rate for one in values(measured)], size)
        cost = [one.cost_us for one in values(measured)]
        yield Figure("W11", OURS, f"CPU of {who} and the database a task", "µs", cost, size)
    one, two = (values(measured) for measured in taken.values())
    over = ratios([each.rate for each in two], [each.rate for each in one])
    yield Figure("W11", OURS, "throughput of 2 hubs over that of 1", "x", over, size)
    over = ratios([each.cost_us for each in two], [each.cost_us for each in one])
    yield Figure("W11", OURS, "CPU a task of 2 hubs over that of 1", "x", over, size)


@contextmanager
def _on_the_same_server(stack: Stack) -> Generator[Stack]:
    """Another stack, with a database of its own on this one's server."""
    with psycopg.connect(stack.profile.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_DATABASE}")
    url = make_url(stack.profile.database_url).set(database=_DATABASE).render_as_string(hide_password=False)
    with started(variables={"ORCHESTRATOR_DATABASE_URL": url}) as another:
        yield another


def _run(chains: dict[Stack, str], batches: int) -> Shared:
    """A job on each of these stacks at the same time, until the last has ended."""
    before, began = _spent(chains), time.monotonic()
    with ThreadPoolExecutor(len(chains)) as pool:
        ended = list(pool.map(lambda one: one[0].timed(one[1], names(batches))[1], chains.items()))
    seconds, after = time.monotonic() - began, _spent(chains)
    for stack, job in zip(chains, ended, strict=True):
        stack.check(job, batches, STEPS)
    tasks = STEPS * batches * len(chains)
    return Shared(tasks / seconds, (after - before) * 1e6 / tasks)


def _spent(stacks: Iterable[Stack]) -> float:
    """Seconds of processor that the hubs of these stacks, and their database, have had."""
    return sum(found.get(part, 0.0) for found in (cpu_by_part(stack.pids()) for stack in stacks) for part in _WRITERS)
