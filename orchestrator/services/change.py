"""Changes that were found: only the hub knows what was there before, so only it knows a path's state."""

from collections.abc import Sequence
from typing import NamedTuple

from orchestrator.contracts.paths import PathList, path_list
from orchestrator.contracts.sighting import Stamp

CREATED, MODIFIED, MOVED, DELETED = "created", "modified", "moved", "deleted"


class Change(NamedTuple):
    """What happened to one path; ``stamp`` is what it is now, and of one that is gone what it was."""

    memory: int
    base: bytes
    folder: bytes
    """With its slash at the end."""
    name: bytes
    kind: str
    stamp: Stamp
    state: str
    moved_from: bytes | None = None

    @property
    def path(self) -> bytes:
        """The whole path."""
        return self.folder + self.name


def columns(changes: Sequence[Change]) -> PathList:
    """Changes below one base, as a batch has them."""
    found = path_list(
        [change.path for change in changes],
        "".join(change.kind for change in changes),
        [change.state for change in changes],
        [change.stamp[1] if change.kind == "f" else None for change in changes],
        changes[0].base,
    )
    found.stamps = [change.stamp for change in changes]
    if any(change.moved_from for change in changes):
        found.moved_from = [change.moved_from for change in changes]
    return found
