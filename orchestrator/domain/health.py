"""How well a site is: judged by what moves, not only by who is there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

GONE_AFTER_S = 15
"""A node that has said nothing for so long is gone."""
STUCK_AFTER_S = 60
"""Work that waits so long while nothing runs: those who are there do not hear."""
SKEWED_AFTER_S = 60
LONG_AFTER_S = 60
"""What runs for less is not long, whatever ran before."""
DEAF = "it is there, but nothing that is sent to it arrives; it has been asked to restart"


class Health(StrEnum):
    """What a site's light shows."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class NodeView:
    """One worker, as its health is judged."""

    name: str
    live: bool
    left: bool  # it said that it was leaving
    clock_skew_s: int
    problems: Sequence[str]
    deaf: bool = False


@dataclass(frozen=True, slots=True)
class PoolView:
    """One queue and function, as its health is judged."""

    name: str
    live_nodes: int
    running: int
    waiting: int
    oldest_wait_s: float | None
    accepting: bool = True
    """It is given work; otherwise what waits there waits because somebody wants it so."""
    partly: Sequence[str] = ()
    """Actions that only some of its nodes offer."""
    overdue: Sequence["Overdue"] = ()


@dataclass(frozen=True, slots=True)
class Overdue:
    """Tasks of one action that run for longer than any before them."""

    action: str
    tasks: int
    running_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class LeftQueue:
    """A queue that kept ending its workers, and was left with what was in it."""

    name: str
    messages: int


def site_health(
    nodes: Iterable[NodeView],
    pools: Iterable[PoolView],
    *,
    accepting: bool = True,
    left: Iterable[LeftQueue] = (),
) -> tuple[Health, list[str]]:
    """A site's health, and why it is not ok: the worst reasons first."""
    nodes, pools = list(nodes), list(pools)
    deaf = [f"{node.name}: {DEAF}" for node in nodes if node.live and node.deaf]
    # What waits at a site that is given nothing waits because somebody wants it so.
    critical = deaf + ([reason for pool in pools if pool.accepting and (reason := _stuck(pool))] if accepting else [])
    warnings = [reason for node in nodes for reason in _node_reasons(node)]
    warnings += [reason for pool in pools for reason in _pool_reasons(pool)]
    warnings += (
        f"the workers of {queue.name} kept ending: it was left, and is kept for a look with {queue.messages} messages"
        for queue in left
    )
    if not any(node.live for node in nodes):
        warnings.append("no node is there")
    if not accepting:
        warnings.append("it is disabled or draining: it is given nothing new")
    health = Health.CRITICAL if critical else Health.WARNING if warnings else Health.OK
    return health, critical + warnings


def _stuck(pool: PoolView) -> str | None:
    if not pool.waiting:
        return None
    if not pool.live_nodes:
        return f"{pool.name}: {pool.waiting} waiting, and no node is there to run them"
    if not pool.running and (pool.oldest_wait_s or 0) > STUCK_AFTER_S:
        return f"{pool.name}: {pool.waiting} waiting, the oldest for {pool.oldest_wait_s:.0f} s, and nothing runs"
    return None


def _pool_reasons(pool: PoolView) -> list[str]:
    reasons = [
        f"{pool.name}: {late.tasks} of {late.action} run, one for {late.running_s:.0f} s: longer than any before "
        f"({late.longest_s:.0f} s)"
        for late in pool.overdue
    ]
    reasons += (f"{pool.name}: {action} is offered by some of its nodes only, and waits" for action in pool.partly)
    if not pool.accepting:
        reasons.append(f"{pool.name}: it is disabled or draining, and given nothing new")
    return reasons


def first_line(problem: str) -> str:
    """What a node's problem is; the lines after it are the traceback."""
    return problem.partition("\n")[0]


def _node_reasons(node: NodeView) -> list[str]:
    reasons = [f"{node.name}: {first_line(problem)}" for problem in node.problems]
    if not node.live and not node.left:
        reasons.append(f"{node.name}: not heard for more than {GONE_AFTER_S} s")
    if node.live and abs(node.clock_skew_s) > SKEWED_AFTER_S:
        reasons.append(f"{node.name}: its clock is {node.clock_skew_s} s off")
    return reasons
