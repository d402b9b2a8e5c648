"""``recursive``: everything below the starting folders.

The order never changes: the names of a folder are reported, sorted as bytes, and then its subfolders are entered in
that order. So one name for each folder on the way is a cursor, and "the subfolders from this name on" is a part that
another walker can take.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.contracts.paths import PathList, is_url
from workers.discovery import place
from workers.discovery.finding import DiscoveryContext, DiscoveryError, Finding, Found, Listing, Share, Trouble
from workers.discovery.folder import Contents, explain, read
from workers.discovery.objects import Cursor, objects
from workers.discovery.place import Place
from workers.discovery.share import deal, divide, share_of
from workers.discovery.start import Missing, Opened, is_part, kind_of, open_start
from workers.discovery.way import Level, Way
from workers.registry import discovery


@discovery("recursive")
def recursive(
    ctx: DiscoveryContext, start: PathList, cursor: bytes | None, *, skip_missing: bool = False
) -> Iterator[Finding]:
    """Walk the starting folders. ``skip_missing``: a start that is not there is no error.

    Links are reported and not followed (a start that is a link to a folder is); other file systems are entered. A start
    may be the URL of a store, all of whose objects below it are reported then.
    """
    at = place.decode(cursor) if cursor else Place(0, len(start), [], listing=True)
    walk = Walk(ctx, start, at.starts, at.start, at.refused)
    yield from walk.run(at, skip_missing=skip_missing)


@dataclass(slots=True)
class Walk:
    """One walk, and where it is."""

    ctx: DiscoveryContext
    start: PathList
    starts: int
    index: int
    refused: str
    way: Way = field(init=False)

    def run(self, at: Place, *, skip_missing: bool) -> Iterator[Finding]:
        """Go on from a place."""
        while self.index < self.starts:
            path = self.start.paths[self.index]
            if is_url(path):
                yield from self._store(path, at, skip_missing=skip_missing)
                self.index += 1
                at = Place(self.index, self.starts, [], listing=True)
                continue
            try:
                opened = open_start(self.ctx.roots, path, self.start.base)
            except DiscoveryError as error:
                if not (skip_missing and isinstance(error, Missing)):
                    yield from self._refuse(path, error)
            except OSError as error:
                message, error_class = explain(error)
                yield Trouble(path, message, self.next_start(), error_class)
            else:
                if opened is None:
                    yield from self.report_file(path)
                else:
                    yield from self._below(opened, path, at)
            self.index += 1
            at = Place(self.index, self.starts, [], listing=True)
        if self.refused:
            raise DiscoveryError(self.refused)

    def _store(self, path: bytes, at: Place, *, skip_missing: bool) -> Iterator[Finding]:
        """A start in a store: there the name of an object is all that a cursor needs."""

        def cursor(name: bytes) -> bytes:
            return place.encode(Place(self.index, self.starts, [(name, None)], listing=True, refused=self.refused))

        after = at.trail[0][0] if at.trail else b""
        try:
            yield from self.report_objects(path, after, cursor)
        except DiscoveryError as error:
            if not (skip_missing and isinstance(error, Missing)):
                yield from self._refuse(path, error)

    def _refuse(self, path: bytes, error: DiscoveryError) -> Iterator[Finding]:
        """A start that can not be walked breaks the walk: at once when it is alone, else when the others are done."""
        if len(self.start) == 1:
            raise error
        self.refused = self.refused or str(error)
        yield Trouble(path, str(error), self.next_start(), type(error).__name__)

    def report_objects(self, path: bytes, after: bytes, cursor: Cursor) -> Iterator[Finding]:
        """Report what is below the URL of a store, after one of its objects."""
        yield from objects(self.ctx.roots.stores, path, after, cursor, self.start.base)

    def report_file(self, path: bytes) -> Iterator[Finding]:
        """Report a start that is no folder."""
        base = self.start.base or os.path.dirname(path)
        yield Found(path, self.next_start(), kind_of(self.ctx.roots, path), base=base)

    def report_names(self, level: Level, contents: Contents, after: bytes, base: bytes) -> Iterator[Finding]:
        """Report what is in a folder, after one of its names."""
        names, kinds = contents.beyond(after)
        if names:
            folder = self.way.path_of(level)
            yield Listing(names, kinds, lambda n: self.cursor(listing=True, after=names[n - 1]), folder, base=base)

    def _below(self, opened: Opened, path: bytes, at: Place) -> Iterator[Finding]:
        way = self.way = Way(opened.fd, path, opened.above)
        base = self.start.base if is_part(path, self.start.base) else path.rstrip(b"/") or b"/"
        try:
            yield from self._return_to(at, base)
            while way.levels:
                yield from self._onward(base)
        finally:
            way.close()

    def _return_to(self, at: Place, base: bytes) -> Iterator[Finding]:
        """Enter the folders of a cursor's trail again, as far as they are still there."""
        level = self.way.levels[0]
        for depth, (after, limit) in enumerate(at.trail or [(b"", None)]):
            level.after, level.limit = after, limit
            if depth + 1 >= len(at.trail):
                yield from self._report(level, base, listing=at.listing)
                return
            yield from self._report(level, base, listing=False)
            try:
                level = self.way.enter(after)
            except OSError as error:
                yield self._trouble(self.way.path_of(level) + after, error)
                return

    def _onward(self, base: bytes) -> Iterator[Finding]:
        """One folder further down, or one up."""
        way, level = self.way, self.way.levels[-1]
        if self.ctx.idle and (parts := self._share(base)):
            yield Share(parts, self.cursor(listing=False))
        if level.pending:
            level.after = level.pending.pop()
            try:
                below = way.enter(level.after)
            except OSError as error:
                yield self._trouble(way.path_of(level) + level.after, error)
            else:
                yield from self._report(below, base, listing=True)
            return
        try:
            way.leave()
        except OSError as error:
            yield self._trouble(way.path_of(way.levels[-1]), error)

    def _share(self, base: bytes) -> list[PathList]:
        """Parts for idle walkers: of the starts that lie ahead, else of the folders."""
        ahead = self.start.paths[self.index + 1 : self.starts]
        if len(ahead) < 2:
            return divide(self.way, self.ctx.idle, base)
        self.starts -= (give := share_of(len(ahead), self.ctx.idle, max(map(len, ahead))))
        return deal(ahead[-give:], self.ctx.idle, self.start.base)

    def _report(self, level: Level, base: bytes, *, listing: bool) -> Iterator[Finding]:
        """Read a folder, report its names after where the level is (unless that has been done), plan its subfolders."""
        contents, folder = Contents(), self.way.path_of(level)
        yield from read(level.fd, contents)
        after = level.after
        if listing:
            level.after, level.limit = b"", None
        level.plan(contents)
        if listing:
            yield from self.report_names(level, contents, after, base)
        if contents.error:
            yield self._trouble(folder, contents.error)

    def _trouble(self, path: bytes, error: OSError) -> Trouble:
        message, error_class = explain(error)
        return Trouble(path.rstrip(b"/") or path, message, self.cursor(listing=False), error_class)

    def cursor(self, *, listing: bool, after: bytes | None = None) -> bytes:
        """Where the walk is: while a folder is reported, after one of its names."""
        trail = [(level.after, level.limit) for level in self.way.levels]
        if after is not None:
            trail[-1] = (after, None)
        return place.encode(Place(self.index, self.starts, trail, listing, self.refused))

    def next_start(self) -> bytes:
        """The cursor behind the present start."""
        return place.encode(Place(self.index + 1, self.starts, [], listing=True, refused=self.refused))
