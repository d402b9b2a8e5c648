"""``archive.create``: an archive (tar, compressed by Zstandard) of the paths of a task."""

import hashlib
from typing import Annotated

from pydantic import Field

from workers.actions.members import Member, Unreadable, member_of
from workers.actions.packing import Packing, pack_up
from workers.actions.source import prepare
from workers.context import Context, reason_of
from workers.path import Path
from workers.registry import action


@action("archive.create", changes=["destination"])
def create(
    ctx: Context,
    paths: list[Path],
    *,
    destination: Annotated[str, Field(min_length=1, description="the folder that the archives are put into")],
    prefix: Annotated[
        str, Field(pattern=r"^[^/\x00.][^/\x00]*$", max_length=100, description="what their names begin with")
    ] = "archive",
    level: Annotated[int, Field(ge=1, le=19, description="how hard to compress: 1 is fast, 19 is small")] = 3,
    verify: Annotated[bool, Field(description="read the archive back and compare what is in it")] = False,
    sync: Annotated[bool, Field(description="have it on the disk before it gets its name")] = False,
) -> None:
    """Put the paths into one archive, in the order of their names, and note it on each (``archive``).

    Files with their content, folders without, links as links. The same paths make the same archive, byte by byte.
    """
    prepare(ctx, destination)
    members = _members(ctx, paths)
    packing = Packing(destination, _stem(ctx, paths, prefix), level, verify, sync)
    while members:
        try:
            archive = pack_up(ctx, [*members.values()], packing)
        except Unreadable as broken:
            # It is in the archive already, half of it: begin again without it.
            ctx.fail(broken.path, broken.reason, broken.error_class)
            members = {name: member for name, member in members.items() if member.path is not broken.path}
        else:
            _note(ctx, members, archive)
            return


def _members(ctx: Context, paths: list[Path]) -> dict[bytes, Member]:
    """What goes into the archive, in order; of what can not, that has been said."""
    found: dict[bytes, Member] = {}
    for path in ctx.each(paths):
        try:
            member = member_of(ctx, path)
        except Exception as error:  # noqa: BLE001 - it is this path's failure alone
            ctx.fail(path, reason_of(error, path), type(error).__name__)
            continue
        if member is None:
            continue
        if member.name in found:
            ctx.fail(path, f"another path has its place in the archive: {found[member.name].path.path}", "NotUnique")
        else:
            found[member.name] = member
    return dict(sorted(found.items()))


def _stem(ctx: Context, paths: list[Path], prefix: str) -> str:
    """The archive's name, without what it ends in: the same for the same paths of the same task."""
    which = ",".join(str(path.index) for path in paths)
    mark = hashlib.blake2b(f"{ctx.task}:{which}".encode(), digest_size=4).hexdigest()
    return f"{prefix}-{ctx.job}-{mark}"


def _note(ctx: Context, members: dict[bytes, Member], archive: str) -> None:
    for member in members.values():
        member.path.note(archive=archive)
        ctx.done(member.path)
