"""Copying one file, link or folder to a place below the roots: it is whole there, or not there at all."""

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from enum import Enum
from io import FileIO
from typing import Annotated, BinaryIO, Literal, cast

from pydantic import Field

from workers.actions.digests import digest_of
from workers.actions.part import Part, part_of, passing_name, publish, sync_folder
from workers.actions.source import chunks
from workers.context import Context
from workers.path import Path
from workers.renaming import is_there

Overwrite = Annotated[
    Literal["never", "older", "always"],
    Field(description="a file that is there: never replaced, only an older one, or always"),
]


@dataclass(frozen=True, slots=True)
class How:
    """How to copy."""

    overwrite: Overwrite = "never"
    verify: bool = False
    """Read it back, and compare."""
    sync: bool = False
    """Have it on the disk before it gets its name."""


class Room(Enum):
    """What there is at the place of a copy."""

    FREE = "free"
    """Nothing, or what may be replaced."""
    OURS = "ours"
    """A copy that an earlier attempt has made, and did not live to tell."""
    TAKEN = "taken"
    """What is not to be replaced; that has been said."""


def copy_file(ctx: Context, path: Path, file: BinaryIO, target: bytes, how: How) -> Room:
    """Copy an open file, with its times and permissions; makes the folders above. FREE: it is done."""
    source = os.fstat(file.fileno())
    folder_name, name = os.path.split(target)
    with ctx.roots.folder(folder_name, make=True) as folder:
        room = room_for(ctx, path, source, is_there(name, folder), how)
        if room is not Room.FREE:
            return room
        with part_of(name, folder) as part:
            _fill(ctx, file, part.file, verify=how.verify)
            after = os.fstat(file.fileno())
            if (after.st_size, after.st_mtime_ns) != (source.st_size, source.st_mtime_ns):
                raise RuntimeError("it changed while it was being copied")
            os.fchmod(part.file.fileno(), stat.S_IMODE(source.st_mode) & 0o777)
            os.utime(part.file.fileno(), ns=(source.st_atime_ns, source.st_mtime_ns))
            return _published(ctx, path, part, how)


def copy_link(ctx: Context, path: Path, source: os.stat_result, target: bytes, how: How) -> Room:
    """Copy a link as a link, where the copy points to something in the roots too."""
    points_to = ctx.roots.readlink(path.raw)
    folder_name, name = os.path.split(target)
    if points_to.startswith(b"/"):
        raise ValueError("an absolute link is not copied as a link: it would not point into the copied tree")
    with ctx.roots.folder(folder_name, make=True) as folder:
        if not ctx.roots.contains(os.path.normpath(os.path.join(folder_name, points_to))):
            raise PermissionError(errno.EACCES, "the copied link would lead out of the roots of this site")
        room = room_for(ctx, path, source, is_there(name, folder), how)
        if room is not Room.FREE:
            return room
        part = passing_name()
        os.symlink(points_to, part, dir_fd=folder)
        try:
            os.utime(part, ns=(source.st_atime_ns, source.st_mtime_ns), dir_fd=folder, follow_symlinks=False)
            publish(part, name, folder, replace=how.overwrite != "never", sync=how.sync)
        except FileExistsError:
            return taken(ctx, path)
        finally:
            if is_there(part, folder):
                os.unlink(part, dir_fd=folder)
    return Room.FREE


def copy_folder(ctx: Context, path: Path, source: os.stat_result, target: bytes, how: How) -> Room:
    """Make the folder, with its permissions and nothing in it; one that is there is as good."""
    folder_name, name = os.path.split(target)
    with ctx.roots.folder(folder_name, make=True) as above:
        there = is_there(name, above)
        if there and not stat.S_ISDIR(there.st_mode):
            if room_for(ctx, path, source, there, how) is Room.TAKEN:
                return Room.TAKEN
            os.unlink(name, dir_fd=above)
    with ctx.roots.folder(target, make=True):
        fd = ctx.roots.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            # Whatever it is to hold has to get in.
            os.fchmod(fd, stat.S_IMODE(source.st_mode) & 0o777 | 0o700)
            if how.sync:
                sync_folder(fd)
        finally:
            os.close(fd)
    return Room.FREE


def room_for(ctx: Context, path: Path, source: os.stat_result, there: os.stat_result | None, how: How) -> Room:
    """Whether what is there may be replaced by a copy of this source."""
    if there is None:
        return Room.FREE
    if os.path.samestat(source, there):
        raise ValueError("the destination is the file itself")
    if stat.S_ISDIR(there.st_mode) and not stat.S_ISDIR(source.st_mode):
        raise IsADirectoryError(errno.EISDIR, "the destination has a folder of this name")
    if ctx.attempt > 1 and _alike(source, there) and not (how.overwrite == "always" and how.verify):
        return Room.OURS
    return room_for_time(ctx, path, source.st_mtime_ns, there.st_mtime_ns, how)


def room_for_time(ctx: Context, path: Path, mtime_ns: int, there_ns: int, how: How) -> Room:
    """Whether something of that time may be replaced by something of the first."""
    if how.overwrite == "always" or (how.overwrite == "older" and there_ns < mtime_ns):
        return Room.FREE
    return taken(ctx, path, "the one there is not older") if how.overwrite == "older" else taken(ctx, path)


def _alike(source: os.stat_result, there: os.stat_result) -> bool:
    return (there.st_size, there.st_mtime_ns, stat.S_IFMT(there.st_mode)) == (
        source.st_size,
        source.st_mtime_ns,
        stat.S_IFMT(source.st_mode),
    )


def taken(ctx: Context, path: Path, why: str = "the destination has one already") -> Room:
    """Say that what is there is not to be replaced."""
    ctx.skip(path, why)
    return Room.TAKEN


def _published(ctx: Context, path: Path, part: Part, how: How) -> Room:
    try:
        part.publish(replace=how.overwrite != "never", sync=how.sync)
    except FileExistsError:
        # It has come meanwhile.
        return taken(ctx, path)
    return Room.FREE


def _fill(ctx: Context, file: BinaryIO, out: FileIO, *, verify: bool) -> None:
    """Copy the content over what is in ``out``, of which the beginning that is right already is not written again."""
    digest, length = hashlib.blake2b(), 0
    right = os.fstat(out.fileno()).st_size > 0
    for chunk in chunks(ctx, file):
        if verify:
            digest.update(chunk)
        if right and _read(out, len(chunk)) != chunk:
            right = False
            out.seek(length)
        if not right:
            write_all(out, chunk)
        length += len(chunk)
    out.truncate(length)
    if verify and _digest_on_disk(ctx, out) != digest.hexdigest():
        raise RuntimeError("the copy does not read back as it was written")


def write_all(out: FileIO, content: bytes) -> None:
    """Write, however many times it takes."""
    rest = memoryview(content)
    while rest:
        rest = rest[out.write(rest) :]


def _read(file: FileIO, length: int) -> bytes:
    read = bytearray()
    while len(read) < length and (some := file.read(length - len(read))):
        read += some
    return bytes(read)


def _digest_on_disk(ctx: Context, out: FileIO) -> str:
    # Out of the cache, as far as the system does as it is asked: what is compared should come from the disk.
    os.fsync(out.fileno())
    os.posix_fadvise(out.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    out.seek(0)
    return digest_of(ctx, cast(BinaryIO, out), "blake2b")
