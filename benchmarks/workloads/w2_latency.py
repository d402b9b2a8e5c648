"""W2: one job of one task on an idle system, from the request to ``Success`` seen, again and again.

It is seen in the job's live events: who asked all the time instead would take the processors from what he waits for.
"""

from collections.abc import Iterator, Sequence
from statistics import quantiles

from benchmarks.figures import Figure
from benchmarks.peer import PROCRASTINATE, RAW_CELERY
from benchmarks.plan import OURS, Plan, Side, values
from benchmarks.stack import Stack, started

JOBS, WARM_UP = 100, 10
OVER_MS = {"p50": 15.0, "p95": 40.0}
"""What it may take longer than raw Celery, which makes no job, keeps nothing, and is not asked over HTTP."""


def single(plan: Plan) -> Iterator[Figure]:
    """Beside a task that a peer sends and sees done."""
    jobs = plan.size(JOBS, 5)
    peers = [peer for peer in plan.peers if peer in (RAW_CELERY, PROCRASTINATE)]
    with started() as stack:
        plan.meet(stack)
        latencies(stack, WARM_UP)
        sides: dict[str, Side[list[float]]] = {OURS: plan.ours(stack, lambda: latencies(stack, jobs))}
        for peer in peers:
            sides[peer.title] = plan.theirs(peer, lambda it: it.ask("single", jobs))
        taken = plan.take_turns("W2", sides)
    for name, rank in (("p50", 50), ("p95", 95)):
        found = {who: [percentile(one, rank) for one in values(measured)] for who, measured in taken.items()}
        for who, each in found.items():
            yield Figure("W2", who, f"{name} of one task, seen done", "ms", each, f"{jobs} one by one")
        for who, each in found.items():
            if who != OURS:
                over = [mine - other for mine, other in zip(found[OURS], each, strict=True)]
                bound = OVER_MS[name] if who == RAW_CELERY.title else None
                yield Figure("W2", OURS, f"{name}, more than {who}", "ms", over, at_most=bound)


def latencies(stack: Stack, jobs: int) -> list[float]:
    """Milliseconds of so many jobs, one after the other."""
    workflow = stack.define("noop")
    took: list[float] = []
    for number in range(jobs):
        seconds, job = stack.followed(workflow, [f"item-{number}"])
        stack.check(job, 1, 1)
        took.append(seconds * 1000)
    return took


def percentile(sample: Sequence[float], rank: int) -> float:
    """The value that ``rank`` percent of the sample do not exceed."""
    return quantiles(sample, n=100, method="inclusive")[rank - 1] if len(sample) > 1 else sample[0]
