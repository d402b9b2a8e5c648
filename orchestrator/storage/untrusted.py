"""Folders that others may write to as well: what is in them is opened by descriptors, and no link is ever followed.

A path is never checked first and opened later: each name is opened in the folder that is open already.
"""

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from io import BufferedRandom, BufferedReader, BufferedWriter
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import Conflict

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_NO_FOLDER = (errno.ELOOP, errno.ENOTDIR)
_CHUNK = 1024 * 1024


@contextmanager
def folder(top: Path, *names: str, make: bool = False) -> Generator[int, None, None]:
    """The folder ``top`` (which is ours, links and all), or one below it by these names, as a ``dir_fd``.

    ``make`` makes what is missing below it. FileNotFoundError; Conflict where a name is no folder, or a link.
    """
    fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in names:
            inner = _enter(fd, name, make=make)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


@contextmanager
def inside(at: int, name: str, *, make: bool = False) -> Generator[int, None, None]:
    """The same for a folder in an open one."""
    fd = _enter(at, name, make=make)
    try:
        yield fd
    finally:
        os.close(fd)


def open_file(at: int, name: str) -> BufferedReader:
    """A file in an open folder, for reading. FileNotFoundError; Conflict for what is no plain file."""
    return os.fdopen(_plain(at, name, os.O_RDONLY), "rb")


def open_again(at: int, name: str) -> BufferedRandom:
    """A file in an open folder, made where there is none, for reading and writing; Conflict for what is no file."""
    return os.fdopen(_plain(at, name, os.O_RDWR | os.O_CREAT), "r+b")


def open_new(at: int, name: str) -> BufferedWriter:
    """A file of our own in an open folder, for writing. FileExistsError."""
    return os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666, dir_fd=at), "wb")


def files(at: int, above: str = "") -> Generator[tuple[str, BufferedReader], None, None]:
    """Every file in an open folder and the folders in it, by its path from there, in order; Conflict for what is none.

    Each is open until the next one is asked for.
    """
    with os.scandir(at) as entries:
        found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    for name, is_folder in found:
        if is_folder:
            with inside(at, name) as inner:
                yield from files(inner, f"{above}{name}/")
        else:
            with open_file(at, name) as file:
                yield above + name, file


def copy_file(source: BinaryIO, at: int, name: str) -> None:
    """Put a copy into an open folder, in place of what has its name; it is there whole, or not at all."""
    draft = f".{secrets.token_hex(8)}.draft"
    try:
        with open_new(at, draft) as target:
            shutil.copyfileobj(source, target, _CHUNK)
            target.flush()
            os.fsync(target.fileno())
        os.replace(draft, name, src_dir_fd=at, dst_dir_fd=at)
        os.fsync(at)
    finally:
        remove(at, draft)


def remove(at: int, name: str) -> None:
    """Remove a file or a link from an open folder, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=at)


def remove_tree(at: int, name: str) -> None:
    """Remove a folder and all that is in it, or a link or a file as itself. OSError where that can not be done."""
    try:
        os.unlink(name, dir_fd=at)
    except IsADirectoryError:
        shutil.rmtree(name, dir_fd=at)


def _enter(at: int, name: str, *, make: bool = False) -> int:
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=at)
    try:
        return os.open(name, _FOLDER, dir_fd=at)
    except OSError as error:
        if error.errno in _NO_FOLDER:
            raise Conflict(f"{name!r} is not a folder, or a link to one") from None
        raise


def _plain(at: int, name: str, flags: int) -> int:
    try:
        # A pipe must not keep us waiting.
        fd = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666, dir_fd=at)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise _odd(name) from None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _odd(name)
    return fd


def _odd(name: str) -> Conflict:
    return Conflict(f"{name!r} is neither a file nor a folder: links are not followed here")
