"""``listing``: the paths that are in lists: text, CSV or JSON lines, at the site."""

import os
import zlib
from collections.abc import Iterator
from typing import Annotated, BinaryIO, Literal

import msgspec
from pydantic import Field

from orchestrator.contracts.path_line import BadLine, PathLine
from orchestrator.contracts.paths import PathList, is_url
from workers.discovery.finding import ALIVE, DiscoveryContext, DiscoveryError, Finding, Listing, Trouble
from workers.discovery.list_file import Format, Lines, Stamp, open_list, records
from workers.discovery.start import kinds_of
from workers.registry import discovery

_CHUNK = 500
"""Paths looked at between two signs of life."""
_SHOWN = 200


class Place(msgspec.Struct, array_like=True):
    """How far the lists have been read: which list, and bytes and lines of it, uncompressed."""

    list: int = 0
    offset: int = 0
    line: int = 0
    stamp: Stamp | None = None
    """Of the list: read from the middle, it has to be the one whose beginning was read."""


@discovery("listing")
def listing(
    ctx: DiscoveryContext,
    start: PathList,
    cursor: bytes | None,
    *,
    format: Annotated[  # noqa: A002 - the option's name
        Literal["auto", "text", "csv", "jsonl"], Field(description="auto: as the end of the list's name says")
    ] = "auto",
    column: Annotated[str | int, Field(description="CSV: the name in the first row, or the number from 1")] = "path",
    header: Annotated[bool | None, Field(description="CSV: whether the first row names the columns")] = None,
    delimiter: Annotated[str, Field(pattern=r"^[\x01-\x7f]$", description="CSV: between columns")] = ",",
    key: Annotated[str, Field(description="JSON lines: which key has the path, where a line is an object")] = "path",
    null: Annotated[bool, Field(description="text: paths end with NUL, as `find -print0` writes them")] = False,
    base: Annotated[str, Field(description="the folder to which paths that are not absolute are relative")] = "",
) -> Iterator[Finding]:
    """Report the paths in the given lists, in their order. A bad line is a failed path, named by list and line.

    A list may be compressed (gzip), and may lie in a store. Paths are bytes as they are.
    """
    place = _decode(cursor)
    options = {"column": column, "delimiter": delimiter, "key": key, "null": null}
    named = isinstance(column, str)
    for index in range(place.list, len(start)):
        path = start.paths[index]
        written = Format(_kind(format, path), header=named if header is None else header, **options)  # type: ignore[arg-type]
        at = place if index == place.list else Place(index)
        yield from _Reading(ctx, path, os.fsencode(base), written).run(at)


class _Reading:
    """The reading of one list."""

    def __init__(self, ctx: DiscoveryContext, path: bytes, base: bytes, written: Format) -> None:
        self._ctx, self._path, self._base, self._written = ctx, path, base, written
        self._found: list[PathLine] = []
        self._places: list[Place] = []
        """Behind each of them."""

    def run(self, at: Place) -> Iterator[Finding]:
        """Go on from a place."""
        with open_list(self._ctx.roots, self._path) as (file, stamp):
            if at.stamp not in (None, stamp):
                raise DiscoveryError(f"{os.fsdecode(self._path)}: the list was changed while it was read")
            try:
                yield from self._read(Lines(file, at.offset, at.line, self._end), file, at.list, stamp)
            except (EOFError, OSError, zlib.error) as error:
                raise DiscoveryError(f"{os.fsdecode(self._path)}: reading failed: {error}") from error

    @property
    def _end(self) -> bytes:
        return b"\0" if self._written.kind == "text" and self._written.null else b"\n"

    def _read(self, lines: Lines, file: BinaryIO, index: int, stamp: Stamp) -> Iterator[Finding]:
        begins = lines.offset == 0
        skip = self._written.kind == "csv" and self._written.header and begins
        blank = 0
        for record in records(file, lines, self._written):
            place = Place(index, lines.offset, lines.number, stamp)
            if skip or record.path is None:
                skip = False
                blank += 1
                if not blank % _CHUNK:
                    yield ALIVE
                continue
            if isinstance(record.path, BadLine):
                yield from self._flush()
                yield self._trouble(record.line, record.path, place)
                continue
            self._found.append(record.path)
            self._places.append(place)
            if len(self._found) >= _CHUNK:
                yield from self._flush()
        yield from self._flush()

    def _flush(self) -> Iterator[Finding]:
        if self._found:
            paths = [self._absolute(found.path) for found in self._found]
            places = self._places
            yield Listing(
                paths,
                kinds_of(self._ctx.roots, paths),
                lambda n: msgspec.msgpack.encode(places[n - 1]),
                states=[found.state for found in self._found],
                sizes=[found.size for found in self._found],
                base=self._base,
            )
        self._found, self._places = [], []

    def _absolute(self, path: bytes) -> bytes:
        if not self._base or path.startswith(b"/") or is_url(path):
            return path
        return self._base.rstrip(b"/") + b"/" + path

    def _trouble(self, line: int, bad: BadLine, place: Place) -> Trouble:
        named = self._path + b":%d" % line
        return Trouble(named, f"line {line} {bad}"[:_SHOWN], msgspec.msgpack.encode(place), "BadLine")


def _kind(said: str, path: bytes) -> str:
    if said != "auto":
        return said
    name = path.lower().removesuffix(b".gz")
    if name.endswith(b".csv"):
        return "csv"
    return "jsonl" if name.endswith((b".jsonl", b".ndjson")) else "text"


def _decode(cursor: bytes | None) -> Place:
    if cursor is None:
        return Place()
    try:
        return msgspec.msgpack.decode(cursor, type=Place)
    except msgspec.DecodeError as error:
        raise DiscoveryError(f"the cursor is not one of a listing: {error}") from error
