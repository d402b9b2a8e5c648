"""``changes``: what was created, modified, moved or deleted since the last run.

The walker only says what is there now, with its stamps; the hub, which has the memory, finds out what has changed.
"""

import os
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import groupby

from orchestrator.contracts.paths import PathList
from orchestrator.contracts.sighting import Sighting, Stamp
from workers.discovery import place
from workers.discovery.finding import DiscoveryContext, Finding, Sighted, Trouble
from workers.discovery.folder import Contents
from workers.discovery.objects import Cursor, listed
from workers.discovery.place import Place
from workers.discovery.recursive import Walk
from workers.discovery.start import kind_of
from workers.discovery.way import Level
from workers.registry import discovery
from workers.stores import Entry

_CHUNK = 1000
"""Names whose stamps are looked up between two signs of life."""
_LONGEST = 2000
"""Bytes of an object's name: more do not fit into the index of what is remembered."""


@discovery("changes")
def changes(
    ctx: DiscoveryContext, start: PathList, cursor: bytes | None, *, skip_missing: bool = False
) -> Iterator[Finding]:
    """Walk the starting folders and stores, as ``recursive`` does, and look at the stamps of everything there.

    ``skip_missing``: a start that is not there is no error, and nothing of it counts as deleted.
    """
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

    def report_objects(self, path: bytes, after: bytes, cursor: Cursor) -> Iterator[Finding]:
        base = path.rstrip(b"/")
        longest = len(base) + 1 + _LONGEST
        for page in listed(self.ctx.roots.stores, path, after):
            if page[0].path == base:
                yield Sighted(_one_object(page[0]), self.next_start())
                return
            for fits, some in groupby(page, lambda entry: len(entry.path) <= longest):
                if fits:
                    entries = list(some)
                    upto = entries[-1].path
                    yield Sighted(_objects(base, entries, after, upto), cursor(upto))
                    after = upto
                else:
                    yield from (_too_long(entry, cursor(entry.path)) for entry in some)
        yield Sighted(_objects(base, [], after, None), self.next_start())


def _look(folder: int, name: bytes) -> Stamp | None:
    """None for what has vanished since the folder was read."""
    try:
        return _stamp(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return None
    except OSError:
        return (0, 0, 0)


def _objects(base: bytes, entries: Sequence[Entry], after: bytes, upto: bytes | None) -> Sighting:
    """Some of what is in a store, which has no folders: below a URL there are only names, with slashes in them."""
    cut = len(base) + 1
    names = [entry.path[cut:] for entry in entries]
    kinds = "".join(entry.kind for entry in entries)
    seen = [_stamp_of(entry) for entry in entries]
    return Sighting(base, base + b"/", names, kinds, seen, after[cut:], None if upto is None else upto[cut:])


def _one_object(entry: Entry) -> Sighting:
    """A start that is an object."""
    folder, name = os.path.split(entry.path)
    return Sighting(entry.path, folder + b"/", [name], entry.kind, [_stamp_of(entry)], name[:-1], name)


def _too_long(entry: Entry, cursor: bytes) -> Trouble:
    message = f"its name has more than {_LONGEST} bytes, too many to be remembered"
    return Trouble(entry.path, message, cursor, "NameTooLong")


def _stamp_of(entry: Entry) -> Stamp:
    """By its tag an object is known wherever it is copied to; what has none is known by its time, and never moves."""
    if entry.tag is None:
        return 0, entry.size or 0, entry.mtime_ns or 0
    return int.from_bytes(blake2b(entry.tag.encode(), digest_size=8).digest(), signed=True), entry.size or 0, 0


def _stamp(status: os.stat_result) -> Stamp:
    # The database's whole numbers have a sign, some file systems' inodes use all 64 bits.
    inode = status.st_ino - (1 << 64) if status.st_ino >> 63 else status.st_ino
    return inode, status.st_size, status.st_mtime_ns
