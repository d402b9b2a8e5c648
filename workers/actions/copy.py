"""``fs.copy``: copies below a destination that are either whole or not there."""

import errno
import hashlib
import os
import secrets
import stat
from typing import Annotated, BinaryIO, Literal

from pydantic import Field

from workers.actions.source import CHUNK_BYTES, chunks, look, open_source, refuse
from workers.context import Context
from workers.path import Path
from workers.registry import action

Overwrite = Literal["never", "older", "always"]
Links = Literal["refuse", "follow", "keep"]

_CAN_NOT_LINK = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@action("fs.copy", changes=["destination"])
def copy(
    ctx: Context,
    paths: list[Path],
    *,
    destination: Annotated[str, Field(min_length=1, description="the folder to copy into, made when it is missing")],
    overwrite: Annotated[
        Overwrite, Field(description="a file that is there: never replaced, only an older one, or always")
    ] = "never",
    verify: Annotated[bool, Field(description="read the copy back and compare it")] = False,
    sync: Annotated[bool, Field(description="have every copy on the disk before it gets its name")] = False,
    links: Annotated[
        Links, Field(description="symbolic links: fail, copy what they point to, or copy them as links")
    ] = "refuse",
) -> None:
    """Copy every file below the destination, with its place in the tree, its times and its permissions."""
    into = os.fsencode(destination)
    # Before any path is touched: a destination that can not be written to is nobody's single failure.
    with ctx.roots.folder(into, make=True):
        pass
    for path in ctx.each(paths):
        with ctx.outcome(path):
            target = os.path.join(into, _place_in_tree(path))
            found = look(ctx, path)
            if found is None:
                continue
            if stat.S_ISLNK(found.st_mode) and links == "refuse":
                refuse(ctx, path, found.st_mode)
            elif stat.S_ISLNK(found.st_mode) and links == "keep":
                _copy_link(ctx, path, found, target, overwrite)
            elif (file := open_source(ctx, path)) is not None:
                with file:
                    _copy_file(ctx, path, file, target, overwrite, verify=verify, sync=sync)


def _place_in_tree(path: Path) -> bytes:
    """Where it was below its starting path; its bare name when it was given as it is, or has moved away from there."""
    base = path.base.rstrip(b"/") + b"/"
    if path.base and path.raw.startswith(base):
        inside = [part for part in path.raw[len(base) :].split(b"/") if part not in (b"", b".")]
        if inside and b".." not in inside:
            return b"/".join(inside)
    name = os.path.basename(path.raw.rstrip(b"/"))
    if name in (b"", b".", b".."):
        raise ValueError("its last part is no name")
    return name


def _copy_file(
    ctx: Context, path: Path, file: BinaryIO, target: bytes, overwrite: Overwrite, *, verify: bool, sync: bool
) -> None:
    source = os.fstat(file.fileno())
    folder_name, name = os.path.split(target)
    with ctx.roots.folder(folder_name, make=True) as folder:
        if not _may_write(ctx, path, source, _lstat(name, folder), overwrite):
            return
        part = _part_name()
        fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
        try:
            with os.fdopen(fd, "r+b", buffering=0) as out:
                _fill(ctx, file, out, verify=verify)
                after = os.fstat(file.fileno())
                if (after.st_size, after.st_mtime_ns) != (source.st_size, source.st_mtime_ns):
                    raise RuntimeError("it changed while it was being copied")
                os.fchmod(out.fileno(), stat.S_IMODE(source.st_mode) & 0o777)
                os.utime(out.fileno(), ns=(source.st_atime_ns, source.st_mtime_ns))
                if sync:
                    os.fsync(out.fileno())
            _publish(ctx, path, part, name, folder, overwrite)
        finally:
            _remove(part, folder)
        if sync:
            _sync_folder(folder)


def _may_write(
    ctx: Context, path: Path, source: os.stat_result, there: os.stat_result | None, overwrite: Overwrite
) -> bool:
    """Whether to copy over what is there; when not, that has been said."""
    if there is None:
        return True
    if os.path.samestat(source, there):
        raise ValueError("the destination is the file itself")
    if stat.S_ISDIR(there.st_mode):
        raise IsADirectoryError(errno.EISDIR, "the destination has a folder of this name")
    if overwrite == "always" or (overwrite == "older" and there.st_mtime_ns < source.st_mtime_ns):
        return True
    same = (there.st_size, there.st_mtime_ns) == (source.st_size, source.st_mtime_ns)
    if ctx.attempt > 1 and same:
        # An earlier attempt got as far as this, and did not live to tell.
        ctx.done(path)
    else:
        ctx.skip(path, "the destination has one already" if overwrite == "never" else "the one there is not older")
    return False


def _fill(ctx: Context, file: BinaryIO, out: BinaryIO, *, verify: bool) -> None:
    digest = hashlib.blake2b()
    for chunk in chunks(ctx, file):
        rest = memoryview(chunk)
        while rest:
            rest = rest[out.write(rest) :]
        if verify:
            digest.update(chunk)
    if verify:
        # Out of the cache, as far as the system does as it is asked: what is compared should come from the disk.
        os.fsync(out.fileno())
        os.posix_fadvise(out.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        out.seek(0)
        again = hashlib.blake2b()
        while chunk := out.read(CHUNK_BYTES):
            again.update(chunk)
            ctx.stop_if_cancelled()
        if again.digest() != digest.digest():
            raise RuntimeError("the copy does not read back as it was written")


def _publish(ctx: Context, path: Path, part: bytes, name: bytes, folder: int, overwrite: Overwrite) -> None:
    """Give the finished copy its name, in one step."""
    if overwrite == "never":
        try:
            # A link fails where a rename would silently replace what has come meanwhile.
            os.link(part, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            ctx.skip(path, "the destination has one already")
            return
        except OSError as error:
            if error.errno not in _CAN_NOT_LINK:
                raise
        else:
            return
    os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)


def _copy_link(ctx: Context, path: Path, source: os.stat_result, target: bytes, overwrite: Overwrite) -> None:
    """Copy a link as a link, where the copy points to something in the roots too."""
    points_to = ctx.roots.readlink(path.raw)
    folder_name, name = os.path.split(target)
    if points_to.startswith(b"/"):
        raise ValueError("an absolute link is not copied as a link: it would not point into the copied tree")
    with ctx.roots.folder(folder_name, make=True) as folder:
        if not ctx.roots.contains(os.path.normpath(os.path.join(folder_name, points_to))):
            raise PermissionError(errno.EACCES, "the copied link would lead out of the roots of this site")
        if not _may_write(ctx, path, source, _lstat(name, folder), overwrite):
            return
        part = _part_name()
        os.symlink(points_to, part, dir_fd=folder)
        try:
            os.utime(part, ns=(source.st_atime_ns, source.st_mtime_ns), dir_fd=folder, follow_symlinks=False)
            _publish(ctx, path, part, name, folder, overwrite)
        finally:
            _remove(part, folder)


def _part_name() -> bytes:
    """Of one length, since the name itself may be as long as a name can be."""
    return b".orchestrator-" + secrets.token_hex(8).encode() + b".part"


def _lstat(name: bytes, folder: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _remove(name: bytes, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        # It has been renamed: the usual end.
        return


def _sync_folder(folder: int) -> None:
    fd = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
