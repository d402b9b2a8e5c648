"""Discovery's machine, and how the walks of one job add up to what is shown as ``discovery.state``.

A job's discovery is one or more *walks*, one a subtree, each with this machine, an attempt and a cursor of its own.
"""

from enum import StrEnum

from orchestrator.domain.machine import Machine, edges


class DiscoveryState(StrEnum):
    """Where a walk, or all walks of a job together, stand."""

    WAITING = "Waiting"  # no walker has begun, or it waits for another
    RUNNING = "Running"  # a walker holds the lease
    STOPPED = "Stopped"  # paused at a checkpoint, or the walker was lost; the cursor is kept
    CLOSED = "Closed"  # everything there was to find has been found
    BROKEN = "Broken"  # it failed for good; what it found is still worked on


class DiscoveryEvent(StrEnum):
    """What can happen to a walk."""

    SUBMITTED = "Submitted"
    BEGUN = "Begun"
    EXHAUSTED = "Exhausted"
    BROKE = "Broke"
    HALTED = "Halted"
    REQUEUED = "Requeued"


_S, _E = DiscoveryState, DiscoveryEvent

DISCOVERY = Machine(
    "discovery",
    (_E.SUBMITTED, _S.WAITING),
    edges(
        ([_S.WAITING], _E.BEGUN, _S.RUNNING),
        ([_S.RUNNING], _E.EXHAUSTED, _S.CLOSED),
        ([_S.RUNNING], _E.BROKE, _S.BROKEN),
        ([_S.RUNNING], _E.HALTED, _S.STOPPED),
        ([_S.STOPPED], _E.REQUEUED, _S.WAITING),
    ),
)


TOGETHER = (_S.RUNNING, _S.STOPPED, _S.WAITING, _S.BROKEN)
"""What several walks are as one: the first of these that any of them is, and Closed when none is."""
