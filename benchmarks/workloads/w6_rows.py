"""W6: ten million tasks of a hundred thousand jobs in the database, and what that does to reading and to the hub.

Two stacks stand side by side, one with a thousand jobs; each is asked and given a small job in turn.
"""

import heapq
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.figures import Figure, ratios
from benchmarks.plan import OURS, Plan, most, values
from benchmarks.rows import fill
from benchmarks.stack import Stack, Unsound, started
from benchmarks.workloads.w1_chains import WARM_UP, chains
from benchmarks.workloads.w2_latency import percentile

JOBS, FEW_JOBS, TASKS_A_JOB = 100_000, 1_000, 100
ASKED, BESIDE = 100, 2_000
"""Requests of a kind in one turn; batches of the small job."""
READ_MS, SLOWER = 50.0, 0.9

Params = Mapping[str, object]


class Turn(NamedTuple):
    """What one turn on a stack gives."""

    reads: dict[str, float]
    """p95 in ms, by what was asked for."""
    rate: float
    """Tasks a second of a small job beside all those rows."""


def rows(plan: Plan) -> Iterator[Figure]:
    """The many beside the few."""
    many, few = plan.size(JOBS if plan.full else JOBS // 10, 100), plan.size(FEW_JOBS, 10)
    with started() as large, started() as small:
        plan.meet(large)
        for stack, jobs in ((large, many), (small, few)):
            began = time.monotonic()
            fill(stack.profile.database_url, tasks=jobs * TASKS_A_JOB, jobs=jobs)
            plan.say(f"W6: {jobs:,} jobs filled in {time.monotonic() - began:.0f} s")
        names = {f"{jobs * TASKS_A_JOB:,} tasks, {jobs:,} jobs": stack for jobs, stack in ((many, large), (few, small))}
        asked, beside = plan.size(ASKED, 5), plan.size(BESIDE, 10)
        sides = {name: plan.ours(stack, _Turns(stack, asked, beside)) for name, stack in names.items()}
        taken = plan.take_turns("W6", sides)
    for size, turns in taken.items():
        for kind in values(turns)[0].reads:
            each = [turn.reads[kind] for turn in values(turns)]
            yield Figure("W6", OURS, f"p95 of {kind}", "ms", each, size, at_most=READ_MS)
        rates = [turn.rate for turn in values(turns)]
        yield Figure("W6", OURS, "throughput of a job beside", "tasks/s", rates, size, memory=most(turns))
    large_rates, small_rates = ([turn.rate for turn in values(turns)] for turns in taken.values())
    yield Figure(
        "W6", OURS, "throughput with many rows over few", "x", ratios(large_rates, small_rates), at_least=SLOWER
    )


class _Turns:
    """Asks one stack, and gives it a job; every second time for one of its largest jobs, else for any, by chance."""

    def __init__(self, stack: Stack, asked: int, beside: int) -> None:
        self._stack, self._asked, self._beside = stack, asked, beside
        self._jobs, self._largest, self._cursors = _places(stack)
        self._run = chains(stack)
        self._run(WARM_UP)

    def __call__(self) -> Turn:
        chance = random.Random(6)
        jobs = [chance.choice(self._largest if n % 2 else self._jobs) for n in range(self._asked)]
        cursors = [chance.choice(self._cursors) for _ in range(self._asked)]
        reads = {
            "the list of jobs": [("/jobs", {"cursor": cursor} if cursor else {}) for cursor in cursors],
            "the list of those that failed": [("/jobs", {"state": "Failure"})] * self._asked,
            "a job": [(f"/jobs/{job}", {}) for job in jobs],
            "a job's tasks": [(f"/jobs/{job}/tasks", {}) for job in jobs],
            "a job's failed tasks": [(f"/jobs/{job}/tasks", {"state": "Failure"}) for job in jobs],
            "a job's errors": [(f"/jobs/{job}/errors", {}) for job in jobs],
        }
        took = {kind: percentile([self._timed(*one) for one in wanted], 95) for kind, wanted in reads.items()}
        return Turn(took, self._run(self._beside))

    def _timed(self, path: str, params: Params) -> float:
        began = time.monotonic()
        self._stack.client.request("GET", path, params=params)
        return (time.monotonic() - began) * 1000


def _places(stack: Stack) -> tuple[Sequence[int], Sequence[int], Sequence[str | None]]:
    """All jobs, the ten with the most tasks, and the cursors of the list's pages."""
    jobs: dict[int, int] = {}
    cursors: list[str | None] = [None]
    while cursors[-1] is not None or not jobs:
        params: dict[str, Any] = {"limit": 500} | ({"cursor": cursors[-1]} if cursors[-1] else {})
        page = stack.client.request("GET", "/jobs", params=params)
        jobs |= {job["id"]: sum(job["tasks"].values()) for job in page["items"]}
        cursors.append(page["next_cursor"])
    if not jobs:
        raise Unsound("no job is listed")
    return list(jobs), heapq.nlargest(10, jobs, key=jobs.__getitem__), cursors[:-1]
