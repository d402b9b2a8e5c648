"""Reading one folder: by file descriptor, without a call per file where the file system says what a name is."""

import errno
import os
from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice

from workers.discovery.finding import ALIVE, Alive

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
CHUNK = 10_000
"""Names read between two signs of life."""

Key = tuple[int, int]
"""Device and inode: which folder it is, by whatever name."""


class Contents:
    """The names of a folder in bytewise order, their kinds, and which of them are folders."""

    __slots__ = ("error", "kinds", "names", "special")

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.kinds = ""
        self.special: dict[bytes, str] = {}
        """The kinds of those that are not plain files: few, as a rule."""
        self.error: OSError | None = None
        """Why reading ended early."""

    def beyond(self, after: bytes) -> tuple[list[bytes], str]:
        """The names after one, and their kinds."""
        if not after:
            return self.names, self.kinds
        place = bisect_right(self.names, after)
        return self.names[place:], self.kinds[place:]

    def folders(self, after: bytes, limit: bytes | None) -> list[bytes]:
        """The subfolders after one name and before another, the first of them last: a stack to pop from."""
        special = self.special
        below = [name for name in special if special[name] == "d" and name > after and (limit is None or name < limit)]
        below.sort(reverse=True)
        return below


class FolderLoopError(OSError):
    """A folder that is one of those above it (a bind mount): entered, the walk would not end."""


def open_folder(name: bytes, parent: int) -> tuple[int, Key]:
    """Open a subfolder, never through a link. The caller closes it. OSError as the system says."""
    fd = os.open(name, _OPEN, dir_fd=parent)
    return fd, key_of(fd)


def key_of(fd: int) -> Key:
    """Which folder this is."""
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def read(fd: int, contents: Contents) -> Iterator[Alive]:
    """Fill ``contents`` with the folder's names, with a sign of life now and then; never raises OSError."""
    names, special = contents.names, contents.special
    try:
        with os.scandir(fd) as entries:
            while chunk := list(islice(entries, CHUNK)):
                if names:
                    yield ALIVE
                # One call for many names: no name has a NUL, and a scan by descriptor gives them as text.
                names += os.fsencode("\0".join([entry.name for entry in chunk])).split(b"\0")
                for entry in chunk:
                    if not entry.is_file(follow_symlinks=False):
                        special[os.fsencode(entry.name)] = _kind(entry)
    except OSError as error:
        contents.error = error
    names.sort()
    contents.kinds = "".join([special.get(name, "f") for name in names]) if special else "f" * len(names)


def explain(error: OSError) -> tuple[str, str]:
    """The message and the error class for a folder that could not be read."""
    if isinstance(error, FolderLoopError):
        return str(error.strerror), type(error).__name__
    match error.errno:
        case errno.ENOENT | errno.ESTALE:
            return "vanished while it was walked", "FileNotFoundError"
        case errno.ENOTDIR | errno.ELOOP:
            return "was replaced by something that is no folder while it was walked", "NotADirectoryError"
        case _:
            return error.strerror or str(error), type(error).__name__


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_dir(follow_symlinks=False):
        return "d"
    return "l" if entry.is_symlink() else "o"
