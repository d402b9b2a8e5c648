"""Copying where one of the two is an object in a store: whole there, or what was there before.

An object has no times and permissions of ours: what counts is its size, and that it was written after its source was.
"""

import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from io import FileIO
from typing import BinaryIO

from orchestrator.contracts.paths import is_url
from workers.actions.copying import How, Room, room_for_time, write_all
from workers.actions.digests import digest_of
from workers.actions.part import part_of
from workers.actions.source import chunks, open_source
from workers.context import Context
from workers.path import Path
from workers.renaming import is_there
from workers.stores import Entry


def copy_object(ctx: Context, path: Path, target: bytes, how: How) -> Room | None:
    """Copy a file or an object to another place, one of the two in a store; None when it can not be, which is said."""
    if path.raw == target:
        raise ValueError("the destination is the file itself")
    source = open_source(ctx, path)
    if source is None:
        return None
    with source:
        size, mtime_ns = _told(ctx, source, path.raw)
        room = _room(ctx, path, (size, mtime_ns), target, how)
        if room is Room.OURS and how.verify and digest_of(ctx, source, "blake2b") != _digest(ctx, target):
            room = Room.FREE
        if room is not Room.FREE:
            return room
        if is_url(target) and is_url(path.raw) and _copied_within(ctx, path.raw, target):
            return Room.FREE
        digest = hashlib.blake2b()
        source.seek(0)
        with _written(ctx, target, mtime_ns) as out:
            length = 0
            for chunk in chunks(ctx, source):
                length += len(chunk)
                digest.update(chunk)
                if isinstance(out, FileIO):
                    write_all(out, chunk)
                else:
                    out.write(chunk)
            if length != size or _told(ctx, source, path.raw) != (size, mtime_ns):
                raise RuntimeError("it changed while it was being copied")
        if how.verify and _digest(ctx, target) != digest.hexdigest():
            raise RuntimeError("the copy does not read back as it was written")
    return Room.FREE


def entry(ctx: Context, place: bytes) -> Entry | None:
    """The object that is there; None when none is."""
    try:
        return ctx.roots.stores.info(place)
    except FileNotFoundError:
        return None


def _room(ctx: Context, path: Path, source: tuple[int, int], target: bytes, how: How) -> Room:
    there = _standing(ctx, target)
    if there is None:
        return Room.FREE
    (size, mtime_ns), (size_there, mtime_there) = source, there
    if ctx.attempt > 1 and size == size_there and mtime_ns <= mtime_there:
        # An earlier attempt got as far as this, and did not live to tell.
        return Room.OURS
    return room_for_time(ctx, path, mtime_ns, mtime_there, how)


def _standing(ctx: Context, target: bytes) -> tuple[int, int] | None:
    """Size and time of what is at the place of the copy."""
    if is_url(target):
        found = entry(ctx, target)
        return None if found is None or found.kind == "d" else (found.size or 0, found.mtime_ns or 0)
    folder_name, name = os.path.split(target)
    with ctx.roots.folder(folder_name, make=True) as folder:
        there = is_there(name, folder)
    return None if there is None else (there.st_size, there.st_mtime_ns)


def _told(ctx: Context, file: BinaryIO, place: bytes) -> tuple[int, int]:
    """Size and time of what is copied."""
    if is_url(place):
        found = ctx.roots.stores.info(place)
        return found.size or 0, found.mtime_ns or 0
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _copied_within(ctx: Context, source: bytes, target: bytes) -> bool:
    """Whether the store has made the copy by itself."""
    try:
        ctx.roots.stores.copy(source, target)
    except ValueError:
        # They are in different ones.
        return False
    return True


@contextmanager
def _written(ctx: Context, target: bytes, mtime_ns: int) -> Generator[BinaryIO | FileIO, None, None]:
    """What is written to; it gets its name when the block has ended well."""
    if is_url(target):
        with ctx.roots.stores.write(target) as out:
            yield out
        return
    folder_name, name = os.path.split(target)
    with ctx.roots.folder(folder_name, make=True) as folder, part_of(name, folder) as part:
        part.file.truncate(0)
        yield part.file
        os.fchmod(part.file.fileno(), 0o644)
        os.utime(part.file.fileno(), ns=(mtime_ns, mtime_ns))
        part.publish(replace=True)


def _open(ctx: Context, place: bytes) -> BinaryIO:
    if is_url(place):
        return ctx.roots.stores.open(place)
    return os.fdopen(ctx.roots.open(place, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0)


def _digest(ctx: Context, place: bytes) -> str:
    with _open(ctx, place) as file:
        return digest_of(ctx, file, "blake2b")
