"""Entering a starting path of a recursive walk: what it is, whether it may be walked, and opening it."""

import os
import stat
from typing import NamedTuple

from orchestrator.contracts.paths import KINDS
from workers.discovery.finding import DiscoveryError
from workers.discovery.folder import Key, key_of, open_folder
from workers.roots import OutsideRoots, Roots

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


class Opened(NamedTuple):
    """A starting folder."""

    fd: int
    above: frozenset[Key]
    """The folders between its base and itself, where it lies below its base."""


class Missing(DiscoveryError):
    """There is nothing at the starting path."""


def open_start(roots: Roots, path: bytes, base: bytes) -> Opened | None:
    """The starting folder, whose descriptor the caller closes; None when it is there and is no folder.

    A start that is a link to a folder is followed, inside the roots; one below its base is part of a tree that is
    being walked already, and is reached without following links below the base.
    DiscoveryError says in words why a walk can not begin there; OSError only comes for a start below its base.
    """
    if is_part(path, base):
        return _open_part(roots, path, base)
    try:
        return Opened(roots.open(path, _FOLDER), frozenset())
    except (NotADirectoryError, FileNotFoundError):
        if kind_of(roots, path) != KINDS["unknown"]:
            return None  # something else; a link that leads nowhere is there all the same
        raise Missing(f"{os.fsdecode(path)}: there is nothing there") from None
    except OutsideRoots as error:
        raise DiscoveryError(f"{os.fsdecode(path)}: {error.strerror}") from None
    except OSError as error:
        raise DiscoveryError(f"{os.fsdecode(path)}: can not be read: {error.strerror}") from error


def is_part(path: bytes, base: bytes) -> bool:
    """Whether a start lies below its base, as one that another walker has shared does."""
    return bool(base) and path != base and path.startswith(base.rstrip(b"/") + b"/")


def kind_of(roots: Roots, path: bytes) -> str:
    """The letter for what is at a path, a link as itself; ``?`` where nothing is or nobody may look."""
    try:
        mode = roots.lstat(path).st_mode
    except OSError:
        return KINDS["unknown"]
    if stat.S_ISREG(mode):
        return KINDS["file"]
    if stat.S_ISDIR(mode):
        return KINDS["directory"]
    return KINDS["symlink"] if stat.S_ISLNK(mode) else KINDS["other"]


def _open_part(roots: Roots, path: bytes, base: bytes) -> Opened:
    fd = roots.open(base, _FOLDER)
    above = {key_of(fd)}
    names = path[len(base.rstrip(b"/")) + 1 :].split(b"/")
    for name in names:
        try:
            below, key = open_folder(name, fd)
        finally:
            os.close(fd)
        fd = below
        above.add(key)
    return Opened(fd, frozenset(above))
