"""``fs.follow``: what was moved in a tree is moved in its mirror too, and need not be copied again."""

import os
import stat
from typing import Annotated

from pydantic import Field

from orchestrator.contracts.paths import is_url
from workers.actions.copy import Links, copy_any
from workers.actions.copying import How
from workers.actions.delete import leave_no_empty_folders, remove
from workers.actions.move import rename_over
from workers.actions.objects import entry
from workers.actions.source import exists, look, prepare
from workers.actions.tree import counterpart, moved_from, was_at
from workers.context import Context
from workers.path import Path
from workers.registry import action


@action("fs.follow", changes=["destination"])
def follow(
    ctx: Context,
    paths: list[Path],
    *,
    destination: Annotated[str, Field(min_length=1, description="the folder that mirrors the tree")],
    verify: Annotated[bool, Field(description="what has to be copied: read the copy back and compare it")] = False,
    sync: Annotated[bool, Field(description="have it on the disk before it is done")] = False,
    links: Links = "refuse",
) -> None:
    """Move the counterpart of every path that has moved; where there is none that is alike, copy the path."""
    how = How("always", verify, sync)
    prepare(ctx, destination)
    for path in ctx.each(paths):
        with ctx.outcome(path):
            target, old = counterpart(path, destination), was_at(path, destination)
            if old is None or not _was_left(ctx, path):
                copy_any(ctx, path, target, how, links=links, folders=True)
                continue
            if not _follow(ctx, path, old, target, how):
                copy_any(ctx, path, target, how, links=links, folders=True)
                # What is left where the counterpart was is of no use to anybody.
                remove(ctx, old, "empty")
            leave_no_empty_folders(ctx, path, old, destination)


def _was_left(ctx: Context, path: Path) -> bool:
    """Whether nothing is where it was: what is there now has a counterpart of its own, which must stay."""
    old = moved_from(path)
    return old is not None and not exists(ctx, old)


def _follow(ctx: Context, path: Path, old: bytes, target: bytes, how: How) -> bool:
    """Move the counterpart, if it is just what the path is; whether it was."""
    if is_url(path.raw):
        # Nothing but its tag tells of an object that was moved what is in it.
        return is_url(old) and _same_tag(ctx, path.raw, old) and _rename_object(ctx, old, target)
    source = look(ctx, path)
    if source is None or not stat.S_ISREG(source.st_mode):
        return False
    if is_url(old):
        return _follow_object(ctx, source, old, target)
    try:
        there = ctx.roots.lstat(old)
    except (FileNotFoundError, NotADirectoryError):
        return False
    alike = stat.S_ISREG(there.st_mode) and (there.st_size, there.st_mtime_ns) == (source.st_size, source.st_mtime_ns)
    return alike and rename_over(ctx, path, old, target, there, how)


def _follow_object(ctx: Context, source: os.stat_result, old: bytes, target: bytes) -> bool:
    there = entry(ctx, old)
    if there is None or there.size != source.st_size or (there.mtime_ns or 0) < source.st_mtime_ns:
        return False
    return _rename_object(ctx, old, target)


def _same_tag(ctx: Context, one: bytes, other: bytes) -> bool:
    here, there = entry(ctx, one), entry(ctx, other)
    if here is None or there is None or here.tag is None:
        return False
    return (here.tag, here.size) == (there.tag, there.size)


def _rename_object(ctx: Context, old: bytes, target: bytes) -> bool:
    ctx.roots.stores.copy(old, target)
    ctx.roots.stores.delete(old)
    return True
