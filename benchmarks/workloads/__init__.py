"""The workloads, a file each: what is done, how often, and what has to come out."""

from collections.abc import Callable, Iterator, Mapping

from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.workloads import (
    w1_chains,
    w2_latency,
    w3_discovery,
    w4_checksum,
    w5_growth,
    w6_rows,
    w7_control,
    w8_idle,
    w9_recovery,
    w10_sites,
    w11_hubs,
    w12_listeners,
)

Workload = Callable[[Plan], Iterator[Figure]]

WORKLOADS: Mapping[str, Workload] = {
    "W1": w1_chains.parcels,
    "W1'": w1_chains.single_tasks,
    "W2": w2_latency.single,
    "W3": w3_discovery.discovery,
    "W4": w4_checksum.checksum,
    "W5": w5_growth.growth,
    "W6": w6_rows.rows,
    "W7": w7_control.control,
    "W8": w8_idle.idle,
    "W9": w9_recovery.recovery,
    "W10": w10_sites.sites,
    "W11": w11_hubs.hubs,
    "W12": w12_listeners.listeners,
}
