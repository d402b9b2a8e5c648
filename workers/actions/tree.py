"""Where a path lies in the tree that it was found in, and what lies at that place in another one."""

import os

from workers.context import Context
from workers.ending import MOVED_FROM
from workers.path import Path

_BELOW = "below"
"""The note that says in which tree a path lies, when it is not the one that it was found in."""


def place_in_tree(path: Path) -> bytes:
    """Where it is below its starting path, or below the folder that it was brought to from there (``settle``).

    Its bare name when it was given as it is, or has gone elsewhere; ValueError when that is no name.
    """
    below = path.notes.get(_BELOW)
    return _place(path.raw, os.fsencode(below) if isinstance(below, str) else path.base)


def settle(ctx: Context, path: Path, target: bytes, tree: str) -> None:
    """From here on the path is this one, which lies in another tree."""
    ctx.rename(path, target)
    path.note(**{_BELOW: tree})


def moved_from(path: Path) -> bytes | None:
    """Where it was before, by the note that discovery has made; None when it says of none."""
    noted = path.notes.get(MOVED_FROM)
    return noted.encode() if isinstance(noted, str) else None


def was_at(path: Path, tree: str) -> bytes | None:
    """Where its counterpart in another tree is, if the path has moved since; None when it has not."""
    old = moved_from(path)
    return None if old is None else os.path.join(os.fsencode(tree), _place(old, path.base))


def counterpart(path: Path, tree: str) -> bytes:
    """What lies at the same place in another tree."""
    return os.path.join(os.fsencode(tree), place_in_tree(path))


def _place(raw: bytes, base: bytes) -> bytes:
    start = base.rstrip(b"/") + b"/"
    if base and raw.startswith(start):
        inside = [part for part in raw[len(start) :].split(b"/") if part not in (b"", b".")]
        if inside and b".." not in inside:
            return b"/".join(inside)
    name = os.path.basename(raw.rstrip(b"/"))
    if name in (b"", b".", b".."):
        raise ValueError("its last part is no name")
    return name
