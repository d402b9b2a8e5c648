"""``changes``: what was created, modified, moved or deleted since the last run.

The walker only says what is there now, with its stamps; the hub, which has the memory, finds out what has changed.
"""

import os
from collections.abc import Iterator

from orchestrator.contracts.paths import PathList
from orchestrator.contracts.sighting import Sighting, Stamp
from workers.discovery import place
from workers.discovery.finding import DiscoveryContext, DiscoveryError, Finding, Sighted
from workers.discovery.folder import Contents
from workers.discovery.place import Place
from workers.discovery.recursive import Walk
from workers.discovery.start import kind_of
from workers.discovery.way import Level
from workers.registry import discovery
from workers.stores import is_url

_CHUNK = 1000
"""Names whose stamps are looked up between two signs of life."""


@discovery("changes")
def changes(
    ctx: DiscoveryContext, start: PathList, cursor: bytes | None, *, skip_missing: bool = False
) -> Iterator[Finding]:
    """Walk the starting folders, as ``recursive`` does, and look at the stamps of everything there.

    ``skip_missing``: a start that is not there is no error, and nothing of it counts as deleted.
    """
    if store := next((path for path in start.paths if is_url(path)), None):
        raise DiscoveryError(f"{os.fsdecode(store)}: changes are looked for in folders, not in stores")
    at = place.decode(cursor) if cursor else Place(0, len(start), [], listing=True)
    walk = _Looking(ctx, start, at.starts, at.start, at.refused)
    yield from walk.run(at, skip_missing=skip_missing)


class _Looking(Walk):
    """A walk that reports what is in its folders whole, so that what is no longer there is noticed."""

    def report_file(self, path: bytes) -> Iterator[Finding]:
        kind = kind_of(self.ctx.roots, path)
        folder, name = os.path.split(path)
        stamp = _stamp(self.ctx.roots.lstat(path))
        base = self.start.base or path.rstrip(b"/")
        seen = Sighting(base, folder.rstrip(b"/") + b"/", [name], kind, [stamp], name[:-1], name)
        yield Sighted(seen, self.next_start())

    def report_names(self, level: Level, contents: Contents, after: bytes, base: bytes) -> Iterator[Finding]:
        names, kinds = contents.beyond(after)
        folder, whole = self.way.path_of(level), contents.error is None
        for begin in range(0, max(1, len(names)), _CHUNK):
            chunk = names[begin : begin + _CHUNK]
            last = begin + _CHUNK >= len(names)
            upto = None if last else chunk[-1]
            found = [(name, kind, _look(level.fd, name)) for name, kind in zip(chunk, kinds[begin:], strict=False)]
            there = [(name, kind, stamp) for name, kind, stamp in found if stamp is not None]
            seen = Sighting(
                base,
                folder,
                [name for name, _, _ in there],
                "".join(kind for _, kind, _ in there),
                [stamp for _, _, stamp in there],
                after,
                upto,
                whole,
            )
            after = chunk[-1] if chunk else after
            yield Sighted(seen, self.cursor(listing=True, after=after))


def _look(folder: int, name: bytes) -> Stamp | None:
    """None for what has vanished since the folder was read."""
    try:
        return _stamp(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return None
    except OSError:
        return (0, 0, 0)


def _stamp(status: os.stat_result) -> Stamp:
    # The database's whole numbers have a sign, some file systems' inodes use all 64 bits.
    inode = status.st_ino - (1 << 64) if status.st_ino >> 63 else status.st_ino
    return inode, status.st_size, status.st_mtime_ns
