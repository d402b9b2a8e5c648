"""W5: W1 with more and more tasks in one job: the rate must hold, and memory must not grow with the job."""

from collections.abc import Iterator

from benchmarks.figures import Figure, ratios
from benchmarks.plan import OURS, Plan, most, values
from benchmarks.stack import started
from benchmarks.workloads.w1_chains import STEPS, WARM_UP, chains

SIZES, LARGEST = (1_000, 10_000, 100_000), 1_000_000
"""Tasks; the largest with ``--full`` only."""
HELD_FROM = 10_000
"""The rate at larger sizes is compared with that at this one."""
HUB_MIB, REDIS_MIB = 200.0, 64.0


def growth(plan: Plan) -> Iterator[Figure]:
    """All sizes on one stack, in turns."""
    sizes = [plan.size(tasks, STEPS) for tasks in (*SIZES, *([LARGEST] if plan.full else []))]
    with started() as stack:
        plan.meet(stack)
        run = chains(stack)
        run(plan.size(WARM_UP))
        sides = {f"{tasks:,}": plan.ours(stack, lambda tasks=tasks: run(tasks // STEPS)) for tasks in sizes}
        taken = plan.take_turns("W5", sides)
    for size, measured in taken.items():
        memory = most(measured)
        yield Figure("W5", OURS, "throughput", "tasks/s", values(measured), f"{size} tasks", memory=memory)
    reference = values(taken[f"{plan.size(HELD_FROM, STEPS):,}"])
    largest = taken[f"{sizes[-1]:,}"]
    over = ratios(values(largest), reference)
    yield Figure("W5", OURS, "throughput at the largest over that at 10,000", "x", over, at_least=0.9)
    for part, bound in (("hub", HUB_MIB), ("redis", REDIS_MIB)):
        peak = [one.memory.get(part, 0.0) for one in largest]
        yield Figure("W5", OURS, f"memory of {part} at the largest", "MiB", peak, at_most=bound)
