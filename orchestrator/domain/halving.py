"""Finding the path that kills its process: a crowd that died is tried by halves until the culprit is alone.

Sets of paths are numbers here, one bit a path. A task's *remaining* paths have no final outcome yet; its *suspects*
are those among which the last crash happened. Neither changes what the task was given, nor its row.
"""

from dataclasses import dataclass

MOST_CRASHES = 3
"""A path that is alone when its process dies fails once its task has seen so many deaths."""


@dataclass(frozen=True, slots=True)
class Hunt:
    """What is left to do, and among which of it the culprit is."""

    remaining: int
    suspects: int = 0

    def next_try(self) -> int:
        """What the next attempt is handed: half of the suspects, or all that remains when there are none."""
        among = self.suspects & self.remaining
        return _lower_half(among) if among else self.remaining

    def died(self, tried: int) -> "Hunt":
        """The process died over these."""
        return Hunt(self.remaining, tried & self.remaining)

    def settled(self, paths: int) -> "Hunt":
        """These have their final outcome."""
        remaining = self.remaining & ~paths
        return Hunt(remaining, self.suspects & remaining)


def culprit(tried: int, crashes: int, *, killed: bool = False) -> bool:
    """Whether what was tried when the process died, for the ``crashes``-th time, is one path, and to blame.

    A process that was ``killed`` for what it did leaves no doubt; one that died may have died of something else.
    """
    return tried.bit_count() == 1 and (killed or crashes >= MOST_CRASHES)


def _lower_half(paths: int) -> int:
    """The lower half of the bits that are set, rounded up."""
    wanted, taken = (paths.bit_count() + 1) // 2, 0
    for _ in range(wanted):
        lowest = paths & -paths
        taken |= lowest
        paths ^= lowest
    return taken
