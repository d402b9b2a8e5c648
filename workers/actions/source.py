"""Opening the file that a path names, or saying of the path why that can not be."""

import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from workers.context import Context
from workers.path import Path

CHUNK_BYTES = 1024 * 1024

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


def look(ctx: Context, path: Path, *, follow: bool = False) -> os.stat_result | None:
    """What is there, a link as itself unless ``follow``; None when there is nothing, and that has been said.

    What discovery has seen and is gone now is ``aborted``; what nobody has ever seen is ``failed``, and so is a link
    that is there and leads nowhere.
    """
    try:
        return ctx.roots.stat(path.raw) if follow else ctx.roots.lstat(path.raw)
    except (FileNotFoundError, NotADirectoryError):
        if follow and _is_link(ctx, path):
            ctx.fail(path, "is a symbolic link that leads nowhere", "DanglingLink")
        elif path.kind == "?":
            ctx.fail(path, "no such file", "FileNotFoundError")
        else:
            ctx.abort(path, "no longer there")
        return None


def refuse(ctx: Context, path: Path, mode: int) -> None:
    """Say that it is no regular file."""
    ctx.fail(path, f"is {_KINDS.get(stat.S_IFMT(mode), 'no file')}, not a regular file", "NotARegularFile")


def open_source(ctx: Context, path: Path) -> BinaryIO | None:
    """The regular file, opened for reading without a buffer; None when it is not, and that has been said.

    A link is followed as long as it stays in the roots.
    """
    seen = look(ctx, path, follow=True)
    if seen is None:
        return None
    # Looked at before it is opened, since opening a device can do something to it, and a pipe would make us wait.
    if not stat.S_ISREG(seen.st_mode):
        refuse(ctx, path, seen.st_mode)
        return None
    fd = ctx.roots.open(path.raw, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    opened = os.fstat(fd)
    if not stat.S_ISREG(opened.st_mode):
        os.close(fd)
        refuse(ctx, path, opened.st_mode)
        return None
    return os.fdopen(fd, "rb", buffering=0)


def chunks(ctx: Context, file: BinaryIO) -> Iterator[bytes]:
    """The content, piece by piece; raises Stopped between two when the job is being cancelled."""
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
        ctx.stop_if_cancelled()


def _is_link(ctx: Context, path: Path) -> bool:
    try:
        return stat.S_ISLNK(ctx.roots.lstat(path.raw).st_mode)
    except OSError:
        return False
