"""``fs.copy``: copies below a destination that are either whole or not there."""

import stat
from typing import Annotated, Literal

from pydantic import Field

from orchestrator.contracts.paths import is_url
from workers.actions.copying import How, Overwrite, Room, copy_file, copy_folder, copy_link
from workers.actions.objects import copy_object
from workers.actions.source import look, open_source, prepare, refuse
from workers.actions.tree import counterpart, settle
from workers.context import Context
from workers.path import Path
from workers.registry import action

Links = Annotated[
    Literal["refuse", "follow", "keep"],
    Field(description="symbolic links: fail, copy what they point to, or copy them as links"),
]


@action("fs.copy", version="2", changes=["destination"])
def copy(
    ctx: Context,
    paths: list[Path],
    *,
    destination: Annotated[str, Field(min_length=1, description="the folder to copy into, made when it is missing")],
    overwrite: Overwrite = "never",
    verify: Annotated[bool, Field(description="read the copy back and compare it")] = False,
    sync: Annotated[bool, Field(description="have every copy on the disk before it gets its name")] = False,
    links: Links = "refuse",
    folders: Annotated[bool, Field(description="make the folders that are given, empty, in place of failing")] = False,
    go_on_as: Annotated[
        Literal["source", "copy"], Field(description="which of the two the next step is given")
    ] = "source",
) -> None:
    """Copy every file below the destination, with its place in the tree, its times and its permissions."""
    how = How(overwrite, verify, sync)
    prepare(ctx, destination)
    for path in ctx.each(paths):
        with ctx.outcome(path):
            target = counterpart(path, destination)
            room = copy_any(ctx, path, target, how, links=links, folders=folders)
            if go_on_as == "copy" and room in (Room.FREE, Room.OURS):
                settle(ctx, path, target, destination)


def copy_any(ctx: Context, path: Path, target: bytes, how: How, *, links: Links, folders: bool) -> Room | None:
    """Copy what the path is; None when it can not be, which has been said."""
    if is_url(path.raw):
        return copy_object(ctx, path, target, how)
    found = look(ctx, path)
    if found is None:
        return None
    if stat.S_ISDIR(found.st_mode) and folders:
        # Stores have none.
        return Room.FREE if is_url(target) else copy_folder(ctx, path, found, target, how)
    if stat.S_ISLNK(found.st_mode) and links == "keep" and not is_url(target):
        return copy_link(ctx, path, found, target, how)
    if stat.S_ISLNK(found.st_mode) and links != "follow":
        refuse(ctx, path, found.st_mode)
        return None
    if is_url(target):
        return copy_object(ctx, path, target, how)
    file = open_source(ctx, path)
    if file is None:
        return None
    with file:
        return copy_file(ctx, path, file, target, how)
