"""``fs.delete``: files that are to go, and folders when that is asked for."""

import os
import stat
from typing import Annotated, Literal

from pydantic import Field

from orchestrator.contracts.paths import is_url
from workers.actions.objects import entry
from workers.actions.removing import is_folder, remove_empty, remove_file, remove_tree
from workers.actions.source import exists
from workers.actions.tree import counterpart
from workers.context import Context
from workers.path import Path
from workers.registry import action

Folders = Literal["refuse", "empty", "tree"]


@action("fs.delete", changes=["paths", "mirror"])
def delete(
    ctx: Context,
    paths: list[Path],
    *,
    folders: Annotated[
        Folders, Field(description="folders: fail, delete those with nothing in them, or with all that is in them")
    ] = "refuse",
    mirror: Annotated[
        str | None,
        Field(min_length=1, description="a folder that mirrors the tree: what lies there in its place is deleted"),
    ] = None,
) -> None:
    """Delete every path, a link as itself; what is gone already is skipped."""
    for path in ctx.each(paths):
        with ctx.outcome(path):
            if mirror is None:
                _delete(ctx, path, folders)
            else:
                _delete_counterpart(ctx, path, counterpart(path, mirror), mirror, folders)


def _delete(ctx: Context, path: Path, folders: Folders) -> None:
    match remove(ctx, path.raw, folders):
        case "folder":
            ctx.fail(path, "is a folder; folders are only deleted when that is asked for", "NotARegularFile")
        case "full":
            ctx.skip(path, "there is something in it")
        case "gone" if ctx.attempt == 1 and path.kind == "?":
            ctx.fail(path, "no such file", "FileNotFoundError")
        case "gone" if ctx.attempt == 1:
            ctx.skip(path, "is gone already", go_on=True)
        case _:
            # Also what an earlier attempt has deleted, that did not live to tell.
            pass


def _delete_counterpart(ctx: Context, path: Path, target: bytes, mirror: str, folders: Folders) -> None:
    if exists(ctx, path.raw):
        ctx.skip(path, "is there again, so its counterpart stays")
        return
    if remove(ctx, target, folders) == "folder":
        ctx.fail(path, "its counterpart is a folder; these are only deleted when that is asked for", "NotARegularFile")
    # A folder with something in it goes with the last that is deleted from it.
    leave_no_empty_folders(ctx, path, target, mirror)


def remove(ctx: Context, target: bytes, folders: Folders) -> Literal["removed", "gone", "folder", "full"]:
    """Remove what is there as far as that is asked for, and tell how it was."""
    if is_url(target):
        return _remove_object(ctx, target)
    try:
        found = ctx.roots.lstat(target)
    except (FileNotFoundError, NotADirectoryError):
        return "gone"
    if not stat.S_ISDIR(found.st_mode):
        return "removed" if remove_file(ctx.roots, target) else "gone"
    if folders == "refuse":
        return "folder"
    if folders == "tree":
        remove_tree(ctx, target)
        return "removed"
    return "removed" if remove_empty(ctx.roots, target) else "full"


def _remove_object(ctx: Context, target: bytes) -> Literal["removed", "gone"]:
    """A store has no folders: what stands for one is gone with the last object in it."""
    try:
        if ctx.roots.stores.info(target).kind == "f":
            ctx.roots.stores.delete(target)
            return "removed"
    except FileNotFoundError:
        pass
    return "gone"


def leave_no_empty_folders(ctx: Context, path: Path, target: bytes, mirror: str) -> None:
    """Remove the folders above what was deleted from a mirror that are empty now and that its tree has not, either.

    Whoever takes the last thing out of such a folder takes the folder along, in whatever order things are deleted.
    """
    if is_url(target):
        return
    top = os.path.normpath(os.fsencode(mirror))
    there = os.path.dirname(os.path.normpath(target))
    while there.startswith(top + b"/"):
        source = os.path.join(path.base, there[len(top) + 1 :])
        if not path.base or _holds_folder(ctx, source) or not remove_empty(ctx.roots, there):
            return
        there = os.path.dirname(there)


def _holds_folder(ctx: Context, place: bytes) -> bool:
    if not is_url(place):
        return is_folder(ctx.roots, place)
    found = entry(ctx, place)
    return found is not None and found.kind == "d"
