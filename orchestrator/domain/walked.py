"""The folders that a job walks, and which changes the walk may see.

Decided by names alone, and in doubt with yes: a step that waits in vain loses time, a walk that finds its own
output may never end.
"""

import posixpath
import re
from bisect import bisect_left
from collections.abc import Iterable

_URL = re.compile(rb"[a-z][a-z0-9+.-]*://[^/]")


class Walked:
    """The starting paths of a job's walks, or URLs; none, when it takes exactly the paths that it was given."""

    def __init__(self, starts: Iterable[bytes] = ()) -> None:
        self._starts = sorted({_plain(start) for start in starts})
        self._known = frozenset(self._starts)
        self._are_places = all(_is_place(start) for start in self._starts)

    def __bool__(self) -> bool:
        return bool(self._starts)

    def shows(self, folder: bytes) -> bool:
        """Whether what is made in this folder may be found: it is below a start or above one, or nobody can tell."""
        if not self._starts:
            return False
        if not _is_place(folder) or not self._are_places:
            return True
        way = _plain(folder)
        place = bisect_left(self._starts, way.rstrip(b"/") + b"/")
        if place < len(self._starts) and self._starts[place].startswith(way.rstrip(b"/") + b"/"):
            return True
        while way not in self._known:
            above: bytes = posixpath.dirname(way)
            if above in (way, b"") or above.endswith(b":"):
                return False
            way = above
        return True


def _plain(path: bytes) -> bytes:
    """Without ``.``, ``..`` and doubled slashes; what is no absolute path stays as it is."""
    if _URL.match(path):
        return path.rstrip(b"/")
    return b"/" + posixpath.normpath(path).lstrip(b"/") if path.startswith(b"/") else path


def _is_place(path: bytes) -> bool:
    return path.startswith(b"/") or _URL.match(path) is not None
