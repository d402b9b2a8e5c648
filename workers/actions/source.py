"""Opening the file that a path names, or saying of the path why that can not be."""

import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from orchestrator.contracts.paths import is_url
from workers.context import Context
from workers.path import Path
from workers.roots import OutsideRoots

CHUNK_BYTES = 1024 * 1024
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


def look(ctx: Context, path: Path, *, follow: bool = False, at: bytes | None = None) -> os.stat_result | None:
    """What is there, a link as itself unless ``follow``; None when there is nothing, and that has been said.

    What discovery has seen and is gone now is ``aborted``; what nobody has ever seen is ``failed``, and so is a link
    that is there and leads nowhere. ``at`` is another place to look at than that of the path.
    """
    place = path.raw if at is None else at
    try:
        return ctx.roots.stat(place) if follow else ctx.roots.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        if follow and _is_link(ctx, place):
            ctx.fail(path, "is a symbolic link that leads nowhere", "DanglingLink")
        else:
            say_gone(ctx, path, at=at)
        return None


def say_gone(ctx: Context, path: Path, *, at: bytes | None = None) -> None:
    """Say that nothing is there."""
    if at is not None:
        ctx.fail(path, "has no counterpart", "FileNotFoundError")
    elif path.kind == "?":
        ctx.fail(path, "no such file", "FileNotFoundError")
    else:
        ctx.abort(path, "no longer there")


def refuse(ctx: Context, path: Path, mode: int) -> None:
    """Say that it is no regular file."""
    ctx.fail(path, f"is {_KINDS.get(stat.S_IFMT(mode), 'no file')}, not a regular file", "NotARegularFile")


def open_source(ctx: Context, path: Path, at: bytes | None = None) -> BinaryIO | None:
    """The regular file, opened for reading without a buffer; None when it is not, and that has been said.

    A link is followed as long as it stays in the roots. ``at`` is another place than that of the path.
    """
    place = path.raw if at is None else at
    if is_url(place):
        return _open_object(ctx, path, place, at)
    seen = look(ctx, path, follow=True, at=at)
    if seen is None:
        return None
    # Looked at before it is opened, since opening a device can do something to it, and a pipe would make us wait.
    if not stat.S_ISREG(seen.st_mode):
        refuse(ctx, path, seen.st_mode)
        return None
    fd = ctx.roots.open(place, _READ)
    opened = os.fstat(fd)
    if not stat.S_ISREG(opened.st_mode):
        os.close(fd)
        refuse(ctx, path, opened.st_mode)
        return None
    return os.fdopen(fd, "rb", buffering=0)


def _open_object(ctx: Context, path: Path, place: bytes, at: bytes | None) -> BinaryIO | None:
    try:
        if ctx.roots.stores.info(place).kind == "f":
            return ctx.roots.stores.open(place)
    except FileNotFoundError:
        say_gone(ctx, path, at=at)
    else:
        refuse(ctx, path, stat.S_IFDIR)
    return None


def open_bytes(ctx: Context, place: bytes) -> BinaryIO:
    """A file that is no path of the task, opened for reading; ValueError when it is no regular file."""
    if is_url(place):
        return ctx.roots.stores.open_lines(place)
    if not stat.S_ISREG(ctx.roots.stat(place).st_mode):
        raise ValueError(f"{os.fsdecode(place)} is no regular file")
    return os.fdopen(ctx.roots.open(place, _READ), "rb")


def chunks(ctx: Context, file: BinaryIO) -> Iterator[bytes]:
    """The content, piece by piece; raises Stopped between two when the job is being cancelled."""
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
        ctx.stop_if_cancelled()


def same_content(ctx: Context, one: BinaryIO, other: BinaryIO) -> bool:
    """Whether the rest of two files is the same; the second one has a buffer, so that it gives what it is asked for."""
    return all(chunk == other.read(len(chunk)) for chunk in chunks(ctx, one)) and not other.read(1)


def exists(ctx: Context, place: bytes) -> bool:
    """Whether anything is there, also a link that leads nowhere."""
    try:
        if is_url(place):
            ctx.roots.stores.info(place)
        else:
            ctx.roots.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def prepare(ctx: Context, destination: str) -> None:
    """Make the folder that is written to. Before any path is touched: when that can not be, no single path is at fault.

    OutsideRoots for a store that is none of this site.
    """
    place = os.fsencode(destination)
    if is_url(place):
        if not ctx.roots.stores.contains(place):
            raise OutsideRoots(place, "is outside the stores of this site")
        return
    with ctx.roots.folder(place, make=True):
        pass


def _is_link(ctx: Context, place: bytes) -> bool:
    try:
        return stat.S_ISLNK(ctx.roots.lstat(place).st_mode)
    except OSError:
        return False
