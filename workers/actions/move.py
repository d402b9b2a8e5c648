"""``fs.move``: into another folder, from where the next step goes on with them."""

import errno
import os
import stat
from typing import Annotated

from pydantic import Field

from orchestrator.contracts.paths import is_url
from workers.actions.copying import How, Overwrite, Room, copy_file, copy_link, room_for, taken
from workers.actions.objects import copy_object
from workers.actions.part import sync_folder
from workers.actions.removing import remove_file
from workers.actions.source import exists, look, open_source, prepare, refuse, same_content
from workers.actions.tree import counterpart, settle
from workers.context import Context
from workers.path import Path
from workers.registry import action
from workers.renaming import is_there, rename_new


@action("fs.move", changes=["paths", "destination"])
def move(
    ctx: Context,
    paths: list[Path],
    *,
    destination: Annotated[str, Field(min_length=1, description="the folder to move into, made when it is missing")],
    overwrite: Overwrite = "never",
    verify: Annotated[
        bool, Field(description="into another file system: read the copy back before the file is removed")
    ] = True,
    sync: Annotated[bool, Field(description="have it on the disk under its new name before it is done")] = False,
    folders: Annotated[bool, Field(description="move folders with all that is in them, in place of failing")] = False,
) -> None:
    """Move every file below the destination, with its place in the tree; a link as itself."""
    how = How(overwrite, verify, sync)
    prepare(ctx, destination)
    for path in ctx.each(paths):
        with ctx.outcome(path):
            target = counterpart(path, destination)
            if _move(ctx, path, target, how, folders=folders):
                settle(ctx, path, target, destination)


def _move(ctx: Context, path: Path, target: bytes, how: How, *, folders: bool) -> bool:
    """Whether it is at its new place now; when not, that has been said."""
    if ctx.attempt > 1 and not exists(ctx, path.raw) and exists(ctx, target):
        # An earlier attempt has moved it, and did not live to tell.
        return True
    if is_url(path.raw):
        return _move_object(ctx, path, target, how)
    found = look(ctx, path)
    if found is None:
        return False
    if stat.S_ISDIR(found.st_mode) and not folders:
        refuse(ctx, path, found.st_mode)
        return False
    if is_url(target):
        return _move_object(ctx, path, target, how, found)
    try:
        return rename_over(ctx, path, path.raw, target, found, how)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    if stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EXDEV, "a folder is not moved to another file system: move the files in it")
    return _copy_and_remove(ctx, path, target, found, how)


def rename_over(ctx: Context, path: Path, old: bytes, new: bytes, found: os.stat_result, how: How) -> bool:
    """Rename ``old``, which was ``found``; False when something is there that is not to be replaced, and that is said.

    OSError with EXDEV when the new place is in another file system.
    """
    (old_folder, old_name), (new_folder, new_name) = os.path.split(old), os.path.split(new)
    with ctx.roots.folder(old_folder, write=True) as here, ctx.roots.folder(new_folder, make=True) as there:
        if room_for(ctx, path, found, is_there(new_name, there), how) is Room.TAKEN:
            return False
        if how.overwrite == "never":
            try:
                rename_new(old_name, new_name, from_folder=here, to_folder=there)
            except FileExistsError:
                taken(ctx, path)
                return False
        else:
            os.rename(old_name, new_name, src_dir_fd=here, dst_dir_fd=there)
        if how.sync:
            sync_folder(there)
            sync_folder(here)
    return True


def _copy_and_remove(ctx: Context, path: Path, target: bytes, found: os.stat_result, how: How) -> bool:
    if stat.S_ISLNK(found.st_mode):
        room = copy_link(ctx, path, found, target, how)
    else:
        file = open_source(ctx, path)
        if file is None:
            return False
        with file:
            room = copy_file(ctx, path, file, target, how)
        if room is Room.OURS and not _same_content(ctx, path, target):
            raise FileExistsError(errno.EEXIST, "the destination has another file of the same size and time")
    if room is Room.TAKEN:
        return False
    remove_file(ctx.roots, path.raw, found)
    return True


def _same_content(ctx: Context, path: Path, target: bytes) -> bool:
    with (
        os.fdopen(ctx.roots.open(path.raw, os.O_RDONLY | os.O_NOFOLLOW), "rb") as one,
        os.fdopen(ctx.roots.open(target, os.O_RDONLY | os.O_NOFOLLOW), "rb") as other,
    ):
        return same_content(ctx, one, other)


def _move_object(ctx: Context, path: Path, target: bytes, how: How, found: os.stat_result | None = None) -> bool:
    """Into a store, out of one, or within; ``found`` is what the file was."""
    if found and stat.S_ISLNK(found.st_mode):
        refuse(ctx, path, found.st_mode)
        return False
    if copy_object(ctx, path, target, how) not in (Room.FREE, Room.OURS):
        return False
    if is_url(path.raw):
        ctx.roots.stores.delete(path.raw)
    else:
        remove_file(ctx.roots, path.raw, found)
    return True
