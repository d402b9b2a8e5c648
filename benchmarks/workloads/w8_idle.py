"""W8: everything is up as ``orchestrator up`` starts it (two sites, Flower), and there is nothing to do."""

import time
from collections import Counter
from collections.abc import Iterator

from benchmarks.figures import Figure
from benchmarks.memory import by_part
from benchmarks.plan import OURS, Plan, Taken, most, values
from benchmarks.processes import cpu_by_part
from benchmarks.stack import Stack, started
from orchestrator.stack.ports import free_port

SETTLE_S, WATCH_S = 20.0, 60.0
CORE_PERCENT, PSS_MIB = 2.0, 600.0


def idle(plan: Plan) -> Iterator[Figure]:
    """How much of one core and of the memory all of it takes."""
    watch_s = max(2.0, WATCH_S * min(plan.scale, 1.0))
    with started("--flower-port", str(free_port())) as stack:
        plan.meet(stack)
        time.sleep(min(SETTLE_S, watch_s))
        taken = plan.take_turns("W8", {OURS: lambda: Taken(_busy(stack, watch_s), by_part(stack.pids()))})[OURS]
    shares = [sum(one.values()) for one in values(taken)]
    mean = Counter[str]()
    for one in values(taken):
        mean.update({part: share / len(taken) for part, share in one.items()})
    note = ", ".join(f"{part} {share:.2g}" for part, share in mean.most_common() if share >= 0.01)
    yield Figure("W8", OURS, "of one core", "%", shares, f"{watch_s:.0f} s, two sites", at_most=CORE_PERCENT, note=note)
    sums = [sum(one.memory.values()) for one in taken]
    memory = most(taken) | {"all": max(sums)}
    yield Figure("W8", OURS, "memory of everything (PSS)", "MiB", sums, at_most=PSS_MIB, memory=memory)


def _busy(stack: Stack, seconds: float) -> dict[str, float]:
    """The percentage of one core that every part was busy for."""
    pids = stack.pids()
    before, began = cpu_by_part(pids), time.monotonic()
    time.sleep(seconds)
    after, took = cpu_by_part(pids), time.monotonic() - began
    return {part: 100 * (after[part] - before.get(part, 0.0)) / took for part in after}
