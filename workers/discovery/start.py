"""Entering a starting path of a recursive walk: what it is, whether it may be walked, and opening it."""

import os
import stat
from collections.abc import Iterable, Sequence
from itertools import groupby
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
        return _letter(roots.lstat(path).st_mode)
    except OSError:
        return KINDS["unknown"]


def kinds_of(roots: Roots, paths: Iterable[bytes]) -> str:
    """The letters for many paths. Neighbours in one folder are looked at through it: opened once, and not per path."""
    letters: list[str] = []
    for folder, group in groupby(paths, lambda path: path[: path.rfind(b"/") + 1]):
        neighbours = list(group)
        if not folder.startswith(b"/"):
            letters += KINDS["unknown"] * len(neighbours)
        elif len(neighbours) == 1:
            letters.append(kind_of(roots, neighbours[0]))
        else:
            letters += _kinds_in(roots, folder, neighbours)
    return "".join(letters)


def _kinds_in(roots: Roots, folder: bytes, paths: Sequence[bytes]) -> list[str]:
    try:
        with roots.folder(folder) as fd:
            return [_kind_at(roots, path, path[len(folder) :], fd) for path in paths]
    except OSError:
        # Each by itself: one that is a root may be looked at where what is above it may not.
        return [kind_of(roots, path) for path in paths]


def _kind_at(roots: Roots, path: bytes, name: bytes, folder: int) -> str:
    if name in (b"", b".", b"..") or b"\0" in name:
        return kind_of(roots, path)
    try:
        return _letter(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return KINDS["unknown"]


def _letter(mode: int) -> str:
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
