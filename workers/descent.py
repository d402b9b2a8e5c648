"""Opening a path one component at a time, for what the kernel can not do in one call."""

import errno
import os
import stat
from collections.abc import Callable
from typing import Protocol

_MOST_LINKS = 40
_MOST_RACES = 100

Parts = tuple[bytes, ...]


class Ground(Protocol):
    """A root that the descent has come to."""

    @property
    def path(self) -> bytes:
        """The folder."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether nothing below it may be written."""
        ...


class Outside(Exception):
    """The path does not end in a root."""


class ReadOnly(Exception):
    """The path ends in this root, which may not be written to."""


def parts_of(path: bytes) -> Parts:
    """The components; empty ones and single dots say nothing."""
    return tuple(part for part in path.split(b"/") if part not in (b"", b"."))


class Descent:
    """One way down from ``/``: nothing is opened before a root is reached, and no link is followed unseen.

    ``root_at`` says which root is exactly at some place, and that place free of links. Outside the roots nothing is
    looked at: the components before the root are taken as they are written.
    """

    def __init__(self, path: bytes, root_at: Callable[[Parts], tuple[Ground, Parts] | None]) -> None:
        self._root_at = root_at
        self._todo = list(reversed(parts_of(path)))
        self._here: list[bytes] = []
        self._root: Ground | None = None
        self._fd: int | None = None
        self._links = self._races = 0

    def open(self, flags: int, mode: int, *, make: bool, write: bool) -> int:
        """A descriptor of what is at the end; ``make`` makes missing folders, the last one too.

        Raises Outside, ReadOnly, and OSError as ``open`` does.
        """
        try:
            self._land()
            while self._todo:
                opened = self._step(self._todo.pop(), flags, mode, make, write)
                if opened is not None:
                    return opened
            return os.open(b".", flags | os.O_CLOEXEC, mode, dir_fd=self._ground(write))
        finally:
            self._leave()

    def _step(self, part: bytes, flags: int, mode: int, make: bool, write: bool) -> int | None:
        """Go one component on; the descriptor when that was the last."""
        if part == b"..":
            self._again(tuple(self._here[:-1]))
            return None
        if self._fd is None or self._root_at((*self._here, part)):
            self._here.append(part)
            self._land()
            return None
        last = not self._todo
        try:
            fd = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._fd)
        except FileNotFoundError:
            if last and flags & os.O_CREAT:
                return self._open_last(part, flags, mode, write)
            if not make:
                raise
            self._make(part)
            return None
        try:
            kind = os.fstat(fd).st_mode
            if stat.S_ISLNK(kind) and not (last and flags & os.O_NOFOLLOW):
                self._follow(os.readlink(b"", dir_fd=fd))
                return None
            if last:
                return self._open_last(part, flags, mode, write)
            if not stat.S_ISDIR(kind):
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            self._here.append(part)
            self._fd, fd = fd, self._fd
            return None
        finally:
            os.close(fd)

    def _open_last(self, part: bytes, flags: int, mode: int, write: bool) -> int:
        # Links have been followed by now: one that takes the place of the file at this moment is refused.
        return os.open(part, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=self._ground(write))

    def _make(self, part: bytes) -> None:
        try:
            os.mkdir(part, 0o777, dir_fd=self._ground(write=True))
        except FileExistsError:
            self._races += 1
            if self._races > _MOST_RACES:
                raise
        self._todo.append(part)

    def _follow(self, target: bytes) -> None:
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if target.startswith(b"/"):
            self._again(parts_of(target))
        else:
            self._todo.extend(reversed(parts_of(target)))

    def _again(self, start: Parts) -> None:
        """Begin from ``/``, by other components."""
        self._todo.extend(reversed(start))
        self._leave()
        self._here = []
        self._land()

    def _land(self) -> None:
        """Stand on the root that is here, if one is."""
        found = self._root_at(tuple(self._here))
        if found:
            self._leave()
            self._root, real = found
            self._here = list(real)
            self._fd = os.open(self._root.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def _leave(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._root = None, None

    def _ground(self, write: bool) -> int:
        """The folder that we stand in, which is in a root, and may be written to."""
        if self._fd is None or self._root is None:
            raise Outside
        if write and self._root.read_only:
            raise ReadOnly(os.fsdecode(self._root.path))
        return self._fd
