"""W10: the same work at one site, at two, four and eight: each adds to the whole, until hub and database are busy.

A task is a wait, so that sites that share a machine do not take its cores from each other.
"""

import time
from collections.abc import Iterator

from benchmarks.figures import Figure, ratios
from benchmarks.plan import OURS, Plan, most, values
from benchmarks.stack import Stack, names, started

SITES, PROCESSES = (1, 2, 4, 8), 8
"""Sites that work at the same time, and processes at each."""
WAIT_S = 0.005
TASKS = 16_000
"""At each site, in a job of its own: ten seconds of work for its processes."""
WARM_UP = 400


def sites(plan: Plan) -> Iterator[Figure]:
    """All sites are there all the time; what grows is how many have work."""
    all_sites, tasks = [f"site-{place}" for place in range(max(SITES))], plan.size(TASKS, PROCESSES)
    options = [word for site in all_sites for word in ("--site", site)]
    with started(*options, "--concurrency", str(PROCESSES), "--no-flower") as stack:
        plan.meet(stack)
        workflow = stack.define({"name": "sleep", "seconds": WAIT_S})
        _run(stack, workflow, all_sites, plan.size(WARM_UP))
        sides = {
            _named(count): plan.ours(stack, lambda count=count: _run(stack, workflow, all_sites[:count], tasks))
            for count in SITES
        }
        taken = plan.take_turns("W10", sides)
    size = f"{tasks:,} x {WAIT_S * 1000:.0f} ms each, {PROCESSES} processes"
    for sites, measured in taken.items():
        memory = most(measured)
        yield Figure("W10", OURS, f"throughput of {sites}", "tasks/s", values(measured), size, memory=memory)
    for count in SITES[1:]:
        over = ratios(values(taken[_named(count)]), values(taken[_named(1)]))
        yield Figure("W10", OURS, f"throughput of {_named(count)} over that of 1", "x", over, size)


def _named(count: int) -> str:
    return f"{count} sites" if count > 1 else "1 site"


def _run(stack: Stack, workflow: str, sites: list[str], tasks: int) -> float:
    """Tasks a second of a job at each of these sites, all at the same time, until the last has ended."""
    began = time.monotonic()
    jobs = [stack.client.submit(workflow, site, names(tasks))["id"] for site in sites]
    ended = [stack.end(job) for job in jobs]
    seconds = time.monotonic() - began
    for job in ended:
        stack.check(job, tasks, 1)
    return len(sites) * tasks / seconds
