"""Which folders that lie ahead a recursive walk leaves to walkers that have nothing to do.

Always the last of the shallowest folder's: those hold the most, and "from this name on" is all that a cursor has to
remember of them.
"""

from orchestrator.contracts.paths import PathList
from workers.discovery.way import Way

_MOST_BYTES = 512 * 1024
"""Of paths shared at once; more can follow."""
_LONGEST_NAME = 256


def divide(way: Way, idle: int, base: bytes) -> list[PathList]:
    """Take folders away from a walk, one list for each idle walker; none when fewer than two lie ahead."""
    if sum(len(level.pending) for level in way.levels) < 2:
        return []
    level = next(level for level in way.levels if level.pending)
    path = way.path_of(level)
    give = share_of(len(level.pending), idle, len(path) + _LONGEST_NAME)
    names = level.pending[:give]  # a stack: these are the last ones
    del level.pending[:give]
    level.limit = names[-1]
    return deal([path + name for name in reversed(names)], idle, base)


def share_of(ahead: int, idle: int, path_bytes: int) -> int:
    """How many of what lies ahead to give, so that all have about the same."""
    return max(1, min(ahead * idle // (idle + 1), _MOST_BYTES // path_bytes))


def deal(paths: list[bytes], hands: int, base: bytes) -> list[PathList]:
    """The paths as so many lists, or fewer, dealt like cards."""
    return [PathList(paths[hand::hands], base=base) for hand in range(min(hands, len(paths)))]
