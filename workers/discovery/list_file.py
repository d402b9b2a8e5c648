"""Reading a list of paths, record by record, from any place in it."""

import csv
import gzip
import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, cast

from orchestrator.contracts.path_line import LONGEST_LINE, BadLine, PathLine, checked, read_line
from orchestrator.contracts.paths import is_url
from workers.discovery.finding import DiscoveryError
from workers.roots import Roots

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_BYTES = "latin-1"
"""A letter for each byte: what is read is given back as it was, whatever it is."""

Stamp = tuple[int, int]
"""Bytes, and when it was modified: the same list, or another one."""


class Record(NamedTuple):
    """One path of a list, or why there is none."""

    line: int
    """Its first line, from 1."""
    path: PathLine | BadLine | None
    """None: an empty line."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a list is written."""

    kind: str = "text"
    column: str | int = "path"
    header: bool = True
    delimiter: str = ","
    key: str = "path"
    null: bool = False


class Lines:
    """The lines of a list, with their place. One that is too long is cut off, and ``overlong``."""

    def __init__(self, file: BinaryIO, offset: int, number: int, end: bytes = b"\n") -> None:
        file.seek(offset)
        self._file, self._end, self._rest = file, end, b""
        self.offset, self.number = offset, number
        """Bytes and lines that have been read."""
        self.overlong = False

    def __iter__(self) -> Iterator[bytes]:
        while line := self._next():
            self.number += 1
            yield line

    def _next(self) -> bytes:
        line = self._read()
        self.overlong = len(line) >= LONGEST_LINE and not line.endswith(self._end)
        more = line
        while len(more) >= LONGEST_LINE and not more.endswith(self._end):
            more = self._read()
        return line

    def _read(self) -> bytes:
        line = self._file.readline(LONGEST_LINE) if self._end == b"\n" else self._until_nul()
        self.offset += len(line)
        return line

    def _until_nul(self) -> bytes:
        while (place := self._rest.find(b"\0")) < 0 and len(self._rest) < LONGEST_LINE:
            if not (more := self._file.read(64 * 1024)):
                break
            self._rest += more
        length = min(LONGEST_LINE, place + 1 if place >= 0 else len(self._rest))
        line, self._rest = self._rest[:length], self._rest[length:]
        return line


@contextmanager
def open_list(roots: Roots, path: bytes) -> Generator[tuple[BinaryIO, Stamp], None, None]:
    """A list, for reading, uncompressed; DiscoveryError says why it can not be read."""
    try:
        file, stamp = _open(roots, path)
    except OSError as error:
        raise DiscoveryError(f"{os.fsdecode(path)}: the list can not be read: {error.strerror or error}") from error
    with file:
        packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        yield (cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file), stamp


def _open(roots: Roots, path: bytes) -> tuple[BinaryIO, Stamp]:
    if is_url(path):
        seen = roots.stores.info(path)
        return roots.stores.open_lines(path), (seen.size or 0, seen.mtime_ns or 0)
    fd = roots.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise DiscoveryError(f"{os.fsdecode(path)}: is no file")
    return os.fdopen(fd, "rb"), (status.st_size, status.st_mtime_ns)


def records(file: BinaryIO, lines: Lines, written: Format) -> Iterator[Record]:
    """The records from where the lines are; after each, ``lines`` says where it ends."""
    if written.kind == "csv":
        yield from _rows(lines, _column(file, written), written.delimiter)
        return
    read: Callable[[bytes], PathLine] = _json(written.key) if written.kind == "jsonl" else _plain(written)
    for line in lines:
        yield Record(lines.number, _read(lines, line, read))


def _read(lines: Lines, line: bytes, read: Callable[[bytes], PathLine]) -> PathLine | BadLine | None:
    text = line.removeprefix(_BOM) if lines.number == 1 else line
    if not text.strip(b"\r\n\0"):
        return None
    try:
        if lines.overlong:
            raise BadLine(f"is longer than {LONGEST_LINE} bytes")
        return read(text)
    except BadLine as bad:
        return bad


def _json(key: str) -> Callable[[bytes], PathLine]:
    return lambda line: read_line(line, key, strict=False)


def _plain(written: Format) -> Callable[[bytes], PathLine]:
    if written.null:
        return lambda line: PathLine(checked(line.removesuffix(b"\0")))
    return lambda line: PathLine(checked(line.removesuffix(b"\n").removesuffix(b"\r")))


def _column(file: BinaryIO, written: Format) -> int:
    """The index of the column, which the header has by name; the lines go on behind that."""
    if isinstance(written.column, int):
        return written.column - 1
    place = file.tell()
    file.seek(0)
    first = file.readline(LONGEST_LINE).removeprefix(_BOM).decode(_BYTES)
    file.seek(place)
    names: list[str] = next(csv.reader([first], delimiter=written.delimiter), list[str]())
    known = [name.encode(_BYTES).decode(errors="replace").strip() for name in names]
    if written.column not in known:
        raise DiscoveryError(f"the list has no column {written.column!r}: it has {', '.join(known) or 'none'}")
    return known.index(written.column)


def _rows(lines: Lines, column: int, delimiter: str) -> Iterator[Record]:
    decoded = ((line.removeprefix(_BOM) if lines.number == 1 else line).decode(_BYTES) for line in lines)
    rows = csv.reader(decoded, delimiter=delimiter)
    while True:
        begin = lines.number + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            rows = csv.reader(decoded, delimiter=delimiter)
            yield Record(begin, BadLine(f"is no row: {error}"))
            continue
        yield Record(begin, _cell(row, column))


def _cell(row: list[str], column: int) -> PathLine | BadLine | None:
    if not row:
        return None
    try:
        if len(row) <= column:
            raise BadLine(f"has {len(row)} columns, and the path is in column {column + 1}")
        return PathLine(checked(row[column].encode(_BYTES)))
    except BadLine as bad:
        return bad
