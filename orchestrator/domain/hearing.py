"""Whether a worker hears what is put into its queue, and whether it is its queue that keeps ending it."""

from dataclasses import dataclass

CANARY_EVERY_S = 15.0
"""From one canary of a queue to the next, once that has been heard."""
DEAF_AFTER_S = 30.0
"""A canary that nobody has heard for so long does not get through."""
EARLY_S = 120.0
"""A start that comes to nothing has come to its end by then."""
MOST_EARLY_ENDS = 3
"""So many such starts in a row, and it is not the worker that is to blame."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A worker that is there, and the canary of its queue."""

    running: int
    concurrency: int
    booted_s: float
    """Since its start."""
    silent_s: float | None
    """Since a canary was sent that nobody has heard; None: the last one was heard, or work has begun since."""


def is_deaf(listener: Listener) -> bool:
    """Whether nothing gets through to it. One that is busy with long tasks answers late, and is not deaf."""
    idle = listener.running < listener.concurrency
    return idle and listener.silent_s is not None and min(listener.silent_s, listener.booted_s) > DEAF_AFTER_S


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a worker, as far as it has come."""

    boot: str
    booted_s: float
    """Since then."""
    left: bool = False
    """It was told to end, and said so; one that ends of an error only says that it is leaving."""
    deaf: bool = False
    early_ends: int = 0
    """Starts before it, in a row, that soon came to nothing."""


def early_ends(before: Start | None, boot: str) -> int:
    """How many starts in a row have come to nothing when a worker says which one it is now."""
    if before is None or not before.boot:
        return 0
    if before.boot == boot:
        return before.early_ends
    in_vain = before.booted_s < EARLY_S and (before.deaf or not before.left)
    return before.early_ends + 1 if in_vain else 0
