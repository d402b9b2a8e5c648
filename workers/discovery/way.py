"""The way from a starting folder down to where a walk is: a stack of open folders, of any depth.

Paths are only names here, never opened: every folder is opened from the one above it, not through links, so that
nothing leads out of the start and no path is too long. Few folders are held open; the others are opened again on the
way back, and known by device and inode.
"""

import errno
import os
from collections.abc import Iterable

from workers.discovery.folder import Contents, FolderLoopError, Key, key_of, open_folder

HELD_OPEN = 32
"""The deepest folders of the way are held open, and the start."""


class Level:
    """A folder on the way."""

    __slots__ = ("after", "fd", "key", "length", "limit", "pending")

    def __init__(self, fd: int, key: Key, length: int) -> None:
        self.fd, self.key = fd, key
        self.length = length
        """Of its path, with the slash at the end."""
        self.pending: list[bytes] = []
        """The subfolders that have not been entered, the next one last."""
        self.after = b""
        self.limit: bytes | None = None

    def plan(self, contents: Contents) -> None:
        """Take the subfolders that lie ahead."""
        self.pending = contents.folders(self.after, self.limit)


class Way:
    """The way down; ``levels`` from the start to the deepest folder."""

    def __init__(self, fd: int, path: bytes, above: Iterable[Key] = ()) -> None:
        """Begin at a folder that is open, below the folders ``above``; the way closes it."""
        self.levels: list[Level] = []
        self._above = set(above)
        self._path = bytearray()  # one for all levels: one each would be the square of the depth
        self._push(fd, key_of(fd), path.rstrip(b"/"))

    def path_of(self, level: Level) -> bytes:
        """The path of a folder on the way, with a slash at the end."""
        return bytes(self._path[: level.length])

    def enter(self, name: bytes) -> Level:
        """Go into a subfolder of the deepest folder. OSError when it can not be entered; the way is as before then."""
        level = self.levels[-1]
        fd, key = open_folder(name, level.fd)
        if key in self._above:
            os.close(fd)
            raise FolderLoopError(errno.ELOOP, "is one of the folders above it (a loop of mounts)")
        self._push(fd, key, name)
        if len(self.levels) > HELD_OPEN + 1:
            self._shut(self.levels[-1 - HELD_OPEN])
        return self.levels[-1]

    def leave(self) -> None:
        """Go back to the folder above. OSError when that is not there any more: then it has no folders ahead."""
        level = self.levels.pop()
        del self._path[self.levels[-1].length if self.levels else 0 :]
        self._above.discard(level.key)
        try:
            if self.levels and self.levels[-1].fd < 0:
                self._reopen(level.fd)
        finally:
            self._shut(level)

    def close(self) -> None:
        """Close what is open."""
        while self.levels:
            self._shut(self.levels.pop())

    @staticmethod
    def _shut(level: Level) -> None:
        if level.fd >= 0:
            os.close(level.fd)
            level.fd = -1

    def _push(self, fd: int, key: Key, name: bytes) -> None:
        self._path += name + b"/"
        self.levels.append(Level(fd, key, len(self._path)))
        self._above.add(key)

    def _reopen(self, below: int) -> None:
        """Open the deepest folder again: from the one below it, or, should that have been moved, from the start."""
        level = self.levels[-1]
        try:
            fd = self._from_below(below, level.key)
            level.fd = self._from_start() if fd < 0 else fd
        except OSError:
            level.pending.clear()
            raise

    def _from_below(self, below: int, key: Key) -> int:
        """The folder above ``below``, when it is this one; -1 when it is not. O_PATH: another one is not even read."""
        if below < 0:
            return -1
        try:
            fd = os.open("..", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=below)
        except OSError:
            return -1
        if key_of(fd) == key:
            return fd
        os.close(fd)
        return -1

    def _from_start(self) -> int:
        fd = self.levels[0].fd
        for above, level in zip(self.levels[:-1], self.levels[1:], strict=True):
            try:
                child, key = open_folder(above.after, fd)
            finally:
                if fd != self.levels[0].fd:
                    os.close(fd)
            fd = child
            if key != level.key:
                os.close(fd)
                raise FileNotFoundError(errno.ENOENT, "was moved or replaced while it was walked")
        return fd
