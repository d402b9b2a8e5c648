"""``fs.stat``: what the file system says about every path, noted on it."""

import stat as modes

from orchestrator.contracts.paths import is_url
from workers.actions.objects import entry
from workers.actions.source import look, say_gone
from workers.context import Context
from workers.path import Path
from workers.registry import action

_KINDS = {modes.S_IFREG: "file", modes.S_IFDIR: "directory", modes.S_IFLNK: "symlink"}


@action("fs.stat")
def stat(ctx: Context, paths: list[Path]) -> None:
    """Note kind, size (bytes), mtime_ns, mode (octal), uid, gid, inode and links; a link is looked at as itself."""
    for path in ctx.each(paths):
        with ctx.outcome(path):
            if is_url(path.raw):
                _note_object(ctx, path)
                continue
            found = look(ctx, path)
            if found is None:
                continue
            path.note(
                kind=_KINDS.get(modes.S_IFMT(found.st_mode), "other"),
                size=found.st_size,
                mtime_ns=found.st_mtime_ns,
                mode=f"{modes.S_IMODE(found.st_mode):04o}",
                uid=found.st_uid,
                gid=found.st_gid,
                # As text: some file systems use all 64 bits, which not everything that reads JSON can hold.
                inode=str(found.st_ino),
                links=found.st_nlink,
            )


def _note_object(ctx: Context, path: Path) -> None:
    found = entry(ctx, path.raw)
    if found is None:
        say_gone(ctx, path)
    else:
        path.note(kind="file" if found.kind == "f" else "directory", size=found.size, mtime_ns=found.mtime_ns)
