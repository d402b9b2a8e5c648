"""The workloads, a file each: what is done, how often, and what has to come out."""

from collections.abc import Callable, Iterator, Mapping

from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.workloads import w1_chains

Workload = Callable[[Plan], Iterator[Figure]]

WORKLOADS: Mapping[str, Workload] = {
    "W1": w1_chains.parcels,
    "W1'": w1_chains.single_tasks,
}
