"""Opening files so that nothing outside the site's roots is read or written, whatever a path, a link or ``..`` says.

Every look at a file system on behalf of a job goes through here. A path is never checked first and opened later:
it is resolved and opened in one go, so that no race between the two can lead out. The kernel does it where it can
(openat2). Where it can not - it is too old, or an absolute link leads back into a root, or the path is longer than
PATH_MAX - the path is walked one component at a time (descent.py).
"""

import errno
import os
import stat
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from workers import openat2
from workers.descent import Descent, Outside, Parts, ReadOnly, parts_of
from workers.outside import OutsideRoots as OutsideRoots
from workers.stores import Stores

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FOLDER = os.O_PATH | os.O_DIRECTORY
_FOR_THE_DESCENT = (errno.EXDEV, errno.EAGAIN, errno.ENAMETOOLONG, errno.ENOSYS)
"""What openat2 says of a path that leads out, or over an absolute link; that moved meanwhile; that is very long."""
_SHOWN_BYTES = 1000


@dataclass(frozen=True, slots=True)
class Root:
    """A folder that may be touched, and everything below it."""

    path: bytes
    read_only: bool = False
    alias: bytes | None = None
    """Another absolute path by which it may be named."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A root under one of its names: as it is written in the site's file, or with all links resolved."""

    parts: Parts
    real: Parts
    root: Root
    holds_others: bool
    """Other roots are below it, and may say otherwise about writing."""


class Roots:
    """The roots of a site. Paths are absolute, and bytes; descriptors that are returned are the caller's to close.

    Everything here raises OutsideRoots, and OSError as the same call of ``os`` would.
    """

    def __init__(self, roots: Iterable[Root], stores: Stores | None = None) -> None:
        self.roots = tuple(roots)
        self.stores = stores or Stores()
        """What else the site may touch: URLs."""
        real = {root: parts_of(os.path.realpath(root.path)) for root in self.roots}
        names = {parts: root for root in self.roots for parts in (real[root], *_names(root))}
        self._places = {
            parts: _Place(parts, real[root], root, any(_strictly_below(real[root], other) for other in real.values()))
            for parts, root in names.items()
        }
        self._lengths = sorted({len(parts) for parts in names}, reverse=True)

    def open(self, path: bytes, flags: int = os.O_RDONLY, mode: int = 0o666) -> int:
        """Open a file, or make one (O_CREAT), as ``os.open`` does; links are followed as long as they stay inside."""
        return self._open(path, flags, mode, write=bool(flags & _WRITES))

    def stat(self, path: bytes) -> os.stat_result:
        """What is there, links followed."""
        return self._look(path, os.O_PATH)

    def lstat(self, path: bytes) -> os.stat_result:
        """What is there; a link as itself."""
        return self._look(path, os.O_PATH | os.O_NOFOLLOW)

    def readlink(self, path: bytes) -> bytes:
        """Where a link points, as it is written."""
        fd = self.open(path, os.O_PATH | os.O_NOFOLLOW)
        try:
            if not stat.S_ISLNK(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "not a link", os.fsdecode(path))
            return os.readlink(b"", dir_fd=fd)
        finally:
            os.close(fd)

    @contextmanager
    def scan(self, path: bytes, *, follow: bool = True) -> Generator[Iterator[os.DirEntry[str]], None, None]:
        """The entries of a folder, as they are read: ``with roots.scan(path) as entries: for entry in entries``.

        ``os.fsencode(entry.name)`` is the name as bytes. ``entry.stat(follow_symlinks=False)`` works while the block
        lasts; whatever follows links may lead out, so do not use it. Without ``follow``, a link is NotADirectoryError.
        """
        fd = self.open(path, os.O_RDONLY | os.O_DIRECTORY | (0 if follow else os.O_NOFOLLOW))
        try:
            with os.scandir(fd) as entries:
                yield entries
        finally:
            os.close(fd)

    @contextmanager
    def folder(self, path: bytes, *, write: bool = False, make: bool = False) -> Generator[int, None, None]:
        """A folder as ``dir_fd`` for calls about a name in it; never use it with ``..`` or a name with a slash.

        ``write`` refuses a root that is read only; ``make``, which implies it, makes what is missing of the path.
        """
        fd = self._open(path, _FOLDER, 0, write=write or make, make=make)
        try:
            yield fd
        finally:
            os.close(fd)

    def contains(self, path: bytes) -> bool:
        """Whether a path is in a root and stays there, missing parts included. Says nothing about the next moment."""
        try:
            self.lstat(path)
        except OutsideRoots:
            return False
        except OSError:
            # What is missing, or can not be looked at, counts by how it is written.
            return b".." not in path.split(b"/")
        return True

    def _look(self, path: bytes, flags: int) -> os.stat_result:
        fd = self.open(path, flags)
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def _open(self, path: bytes, flags: int, mode: int, *, write: bool, make: bool = False) -> int:
        place, rest = self._enter(path)
        if openat2.AVAILABLE and not (write and place.holds_others):
            if write and place.root.read_only:
                raise self._read_only(path, os.fsdecode(place.root.path))
            try:
                return _open_beneath(place.root, rest, flags, mode)
            except FileNotFoundError as error:
                if not make:
                    raise _named(error, path) from None
            except OSError as error:
                if error.errno not in _FOR_THE_DESCENT:
                    raise _named(error, path) from None
        return self._descend(path, flags, mode, make=make, write=write)

    def _descend(self, path: bytes, flags: int, mode: int, *, make: bool, write: bool) -> int:
        try:
            return Descent(path, self._root_at).open(flags, mode, make=make, write=write)
        except Outside:
            raise self._outside(path, "leads outside") from None
        except ReadOnly as error:
            raise self._read_only(path, str(error)) from None
        except OSError as error:
            raise _named(error, path) from None

    def _enter(self, path: bytes) -> tuple[_Place, Parts]:
        """The innermost root that a path begins with, and the rest of the path."""
        if b"\0" in path:
            raise OutsideRoots(path.replace(b"\0", b"?"), "a path can not contain a NUL")
        if not path.startswith(b"/"):
            raise OutsideRoots(path, "not an absolute path")
        parts = parts_of(path)
        for length in self._lengths:
            if place := self._places.get(parts[:length]):
                return place, parts[length:]
        raise self._outside(path, "is outside")

    def _root_at(self, parts: Parts) -> tuple[Root, Parts] | None:
        place = self._places.get(parts)
        return None if place is None else (place.root, place.real)

    def _outside(self, path: bytes, verb: str) -> OutsideRoots:
        shown = ", ".join(os.fsdecode(root.path) for root in self.roots) or "it has none"
        return OutsideRoots(path, f"{verb} the roots of this site ({shown})")

    def _read_only(self, path: bytes, root: str) -> OutsideRoots:
        return OutsideRoots(path, f"the root {root} is read only at this site")


def _open_beneath(root: Root, rest: Parts, flags: int, mode: int) -> int:
    folder = os.open(root.path, _FOLDER)
    try:
        return openat2.open_beneath(folder, b"/".join(rest) or b".", flags, mode)
    finally:
        os.close(folder)


def _names(root: Root) -> list[Parts]:
    """As it is written."""
    return [parts_of(name) for name in (root.path, root.alias) if name is not None]


def _strictly_below(parts: Parts, other: Parts) -> bool:
    return len(other) > len(parts) and other[: len(parts)] == parts


def _named(error: OSError, path: bytes) -> OSError:
    """The same error about the whole path, where the system only knew of a part."""
    return OSError(error.errno, error.strerror, os.fsdecode(path[:_SHOWN_BYTES]))
