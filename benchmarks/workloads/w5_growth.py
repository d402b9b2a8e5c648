"""W5: W1 with more and more tasks in one job: rate and cost must hold, and memory must not grow with the job."""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import NamedTuple

from benchmarks.figures import Figure, ratios
from benchmarks.plan import OURS, Plan, most, values
from benchmarks.processes import cpu_by_part
from benchmarks.stack import Stack, names, started
from benchmarks.workloads.w1_chains import STEPS, WARM_UP

SIZES, LARGEST = (1_000, 10_000, 100_000), 1_000_000
"""Tasks; the largest with ``--full`` only."""
HELD_FROM = 10_000
"""What larger sizes give is compared with what this one gives."""
HUB_MIB, REDIS_MIB = 200.0, 64.0


class Grown(NamedTuple):
    """What a job of one size gives."""

    rate: float
    """Tasks a second."""
    cost: Mapping[str, float]
    """Microseconds of processor that every part had for a task: others who want the machine change them least."""

    @property
    def cost_us(self) -> float:
        """Those of hub and database, which write every task down."""
        return self.cost["hub"] + self.cost["postgres"]


def growth(plan: Plan) -> Iterator[Figure]:
    """All sizes on one stack, in turns."""
    sizes = [plan.size(tasks, STEPS) for tasks in (*SIZES, *([LARGEST] if plan.full else []))]
    with started() as stack:
        plan.meet(stack)
        workflow = stack.define(*["noop"] * STEPS)
        _grown(stack, workflow, STEPS * plan.size(WARM_UP))
        sides = {f"{tasks:,}": plan.ours(stack, lambda tasks=tasks: _grown(stack, workflow, tasks)) for tasks in sizes}
        taken = plan.take_turns("W5", sides)
    for size, measured in taken.items():
        memory, each = most(measured), values(measured)
        yield Figure("W5", OURS, "throughput", "tasks/s", [one.rate for one in each], f"{size} tasks", memory=memory)
        note = ", ".join(f"{part} {median(one.cost[part] for one in each):.0f}" for part in sorted(each[0].cost))
        cost = [one.cost_us for one in each]
        yield Figure("W5", OURS, "CPU of hub and database a task", "µs", cost, f"{size} tasks", note=note)
    reference = values(taken[f"{plan.size(HELD_FROM, STEPS):,}"])
    largest = taken[f"{sizes[-1]:,}"]
    rate = ratios([one.rate for one in values(largest)], [one.rate for one in reference])
    yield Figure("W5", OURS, "throughput at the largest over that at 10,000", "x", rate, at_least=0.9)
    cost = ratios([one.cost_us for one in values(largest)], [one.cost_us for one in reference])
    yield Figure("W5", OURS, "CPU a task at the largest over that at 10,000", "x", cost)
    for part, bound in (("hub", HUB_MIB), ("redis", REDIS_MIB)):
        peak = [one.memory.get(part, 0.0) for one in largest]
        yield Figure("W5", OURS, f"memory of {part} at the largest", "MiB", peak, at_most=bound)


def _grown(stack: Stack, workflow: str, tasks: int) -> Grown:
    before = cpu_by_part(stack.pids())
    seconds, job = stack.timed(workflow, names(tasks // STEPS))
    after = cpu_by_part(stack.pids())
    stack.check(job, tasks // STEPS, STEPS)
    return Grown(tasks / seconds, {part: (after[part] - before.get(part, 0.0)) * 1e6 / tasks for part in after})
