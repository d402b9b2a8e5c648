"""``given``: exactly the paths that a job was given, in their order."""

from collections.abc import Iterator

from orchestrator.contracts.paths import PathList
from workers.discovery.finding import DiscoveryContext, DiscoveryError, Finding, Listing
from workers.discovery.start import kinds_of
from workers.registry import discovery

_CHUNK = 500
"""Paths looked at between two signs of life: each costs a look at the file system."""


@discovery("given")
def given(ctx: DiscoveryContext, start: PathList, cursor: bytes | None) -> Iterator[Finding]:
    """Report the given paths with their states and sizes.

    What is not there, is outside the roots or is no path of a file system (an address, an id) has kind ``?`` and goes
    on all the same: an action will say what is wrong with it.
    """
    first = _index(cursor)
    for begin in range(first, len(start), _CHUNK):
        here = slice(begin, begin + _CHUNK)
        paths = start.paths[here]
        yield Listing(
            paths,
            kinds_of(ctx.roots, paths),
            lambda n, begin=begin: b"%d" % (begin + n),
            states=start.states[here],
            sizes=start.sizes[here],
            base=start.base,
        )


def _index(cursor: bytes | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isdigit():
        raise DiscoveryError(f"the cursor {cursor!r} is not one of given paths")
    return int(cursor)
