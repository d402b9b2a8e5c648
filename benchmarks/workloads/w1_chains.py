"""W1: one job of 20,000 batches, each of one path and a chain of two no-ops, from the request to ``Success`` seen.

Every task's state is durable in PostgreSQL then, and read back through the API before the figure counts. W1' is the
same with every task in a message of its own, as long tasks are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.figures import Figure, ratios
from benchmarks.peer import RAW_CELERY, Peer
from benchmarks.plan import OURS, Plan, Side, most, values
from benchmarks.stack import Stack, names, started

BATCHES, STEPS = 20_000, 2
WARM_UP = 200
ONE_TASK_A_PARCEL = {"ORCHESTRATOR_PARCEL_TASKS": "1"}


def parcels(plan: Plan) -> Iterator[Figure]:
    """As tasks are handed out by themselves: many that are short in one message."""
    yield from _measure(plan, "W1", 15.0, plan.peers, {})


def single_tasks(plan: Plan) -> Iterator[Figure]:
    """With parcels of one task."""
    peers = [peer for peer in plan.peers if peer is RAW_CELERY]
    yield from _measure(plan, "W1'", 1.3, peers, ONE_TASK_A_PARCEL)


def _measure(
    plan: Plan, workload: str, target: float, peers: Sequence[Peer], variables: Mapping[str, str]
) -> Iterator[Figure]:
    sizes = {OURS: plan.size(BATCHES), **{peer.title: plan.size(BATCHES * peer.share, 5) for peer in peers}}
    with started(variables=variables) as stack:
        plan.meet(stack)
        stack.check_told("hub", variables)
        run = chains(stack)
        run(plan.size(WARM_UP))
        sides: dict[str, Side[float]] = {OURS: plan.ours(stack, lambda: run(sizes[OURS]))}
        for peer in peers:
            sides[peer.title] = plan.theirs(peer, lambda it, n=sizes[peer.title]: STEPS * n / it.ask("chains", n))
        taken = plan.take_turns(workload, sides)
    for who, measured in taken.items():
        size = f"{sizes[who]:,} x {STEPS}"
        yield Figure(workload, who, "throughput", "tasks/s", values(measured), size, memory=most(measured))
    for peer in peers:
        if beside := taken.get(peer.title):
            over = ratios(values(taken[OURS]), values(beside))
            bound = target if peer is RAW_CELERY else None
            both = f"{sizes[OURS]:,} : {sizes[peer.title]:,}"
            yield Figure(workload, OURS, f"throughput over that of {peer.title}", "x", over, both, at_least=bound)


def chains(stack: Stack) -> Callable[[int], float]:
    """What runs a job of so many batches and gives its tasks a second, once all of it is seen to be done."""
    workflow = stack.define(*["noop"] * STEPS)

    def run(batches: int) -> float:
        seconds, job = stack.timed(workflow, names(batches))
        stack.check(job, batches, STEPS)
        return STEPS * batches / seconds

    return run
