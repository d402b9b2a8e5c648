"""Restarting a site's workers one after the other: what comes next, decided from who is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

BACK_WITHIN_S = 120.0
"""A worker that has ended and has not come back by then does not come back by itself."""
MOST_TOLD = 40
"""How often one is asked that does nothing about it: within two minutes."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker of the site, in the start that was last heard of."""

    node: str
    boot: str
    before: bool
    """It began before the restart was asked for."""
    live: bool
    ending: bool = False
    """It has heard, and takes nothing new."""
    running: int = 0
    """How many tasks and walks."""
    gone_s: float = 0.0
    """With ``live`` false: since it was last heard of."""


class Next(Enum):
    """What is to be done when nobody is to be asked."""

    WAIT = auto()
    """For the one that was asked to come back."""
    DONE = auto()
    LOST = auto()
    """The one that was asked has ended and does not come back: the others are better left alone."""
    UNHEEDED = auto()
    """The one that was asked does not know the word, or can not end."""


def turn(workers: Sequence[Worker], asked: tuple[str, str] | None, told: int = 0) -> Worker | Next:
    """Whose turn it is: the one that was asked (its node and boot) as long as that start of it lives, then the next.

    It has been ``told`` so many times, and may take as long as it likes once it has begun to end.

    Those with the least to finish come first, so that one with a long task keeps none of them waiting. A worker that is
    not there can not be restarted, and is not waited for.
    """
    for worker in workers:
        if asked == (worker.node, worker.boot):
            if worker.live:
                return Next.UNHEEDED if told >= MOST_TOLD and not worker.ending else worker
            return Next.WAIT if worker.gone_s < BACK_WITHIN_S else Next.LOST
    waiting = [worker for worker in workers if worker.live and worker.before]
    return min(waiting, key=lambda worker: (worker.running, worker.node), default=Next.DONE)
