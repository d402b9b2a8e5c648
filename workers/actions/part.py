"""A copy on its way: a file beside its place under another name, until it is whole.

The name follows from the one that it is to have. So what is left behind by a process that was killed is found by the
next copy to that place, which goes on with it as far as it is right, and no more than one is ever left behind.
"""

import errno
import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO

from workers.renaming import is_there, rename_new

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
PREFIX, SUFFIX = b".orchestrator-", b".part"
"""What the names of all parts begin and end with."""


@dataclass(slots=True)
class Part:
    """The file, open for reading and writing and without a buffer; ``publish`` gives it its name."""

    file: FileIO
    _name: bytes
    _target: bytes
    _folder: int
    _published: bool = False

    def publish(self, *, replace: bool, sync: bool = False, target: bytes | None = None) -> None:
        """Give it its name, in one step; FileExistsError where something has it and is not to be replaced.

        ``target`` is another name than it was to have.
        """
        if sync:
            os.fsync(self.file.fileno())
        publish(self._name, target or self._target, self._folder, replace=replace, sync=sync)
        self._published = True

    def close(self) -> None:
        """Close it, and remove what has no name yet."""
        try:
            if not self._published and _is_named(self.file.fileno(), self._name, self._folder):
                os.unlink(self._name, dir_fd=self._folder)
        finally:
            self.file.close()


@contextmanager
def part_of(target: bytes, folder: int) -> Generator[Part, None, None]:
    """The part of a file that is to be called ``target`` in this folder; it may have content that an earlier one left.

    Two never write to the same: who finds it in use gets one of another name, empty.
    """
    name = PREFIX + hashlib.blake2b(target, digest_size=8).hexdigest().encode() + SUFFIX
    fd = _claim(name, folder)
    if fd is None:
        name = passing_name()
        fd = os.open(name, _FLAGS | os.O_EXCL, 0o600, dir_fd=folder)
    part = Part(FileIO(fd, "r+"), name, target, folder)
    try:
        yield part
    finally:
        part.close()


def passing_name() -> bytes:
    """A name that nothing has, of one length: the name to come may be as long as a name can be."""
    return PREFIX + secrets.token_hex(8).encode() + SUFFIX


def publish(name: bytes, target: bytes, folder: int, *, replace: bool, sync: bool = False) -> None:
    """Give what has the first name the second one, in the same folder."""
    try:
        if replace:
            os.rename(name, target, src_dir_fd=folder, dst_dir_fd=folder)
        else:
            rename_new(name, target, from_folder=folder, to_folder=folder)
    except OSError as error:
        # The passing name says nothing to anybody.
        raise OSError(error.errno, error.strerror) from None
    if sync:
        sync_folder(folder)


def sync_folder(folder: int) -> None:
    """Have the names in a folder on the disk."""
    fd = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _claim(name: bytes, folder: int) -> int | None:
    """The file of this name, locked by us alone; None when it can not be had, or is none that may be written to."""
    try:
        fd = os.open(name, _FLAGS, 0o600, dir_fd=folder)
    except (BlockingIOError, FileNotFoundError, PermissionError, IsADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status = os.fstat(fd)
        ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink == 1
        if ours and _is_named(fd, name, folder):
            os.fchmod(fd, 0o600)
            return fd
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1 and _is_named(fd, name, folder):
            # It was given its name by a link, and this one was not taken away any more: the file is in use.
            os.unlink(name, dir_fd=folder)
    except OSError:
        # In use, or in a file system that can not lock.
        os.close(fd)
        return None
    os.close(fd)
    return None


def _is_named(fd: int, name: bytes, folder: int) -> bool:
    there = is_there(name, folder)
    return there is not None and os.path.samestat(there, os.fstat(fd))
