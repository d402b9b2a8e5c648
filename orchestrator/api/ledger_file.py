"""A ledger as a file, written while it is read: CSV, JSON lines or Parquet."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, NamedTuple

import msgspec

from orchestrator.errors import Fault, Invalid
from orchestrator.storage.queries.ledger import Line

COLUMNS = Line.__struct_fields__
ROW_GROUP = 50_000
"""Lines that a Parquet file keeps together; so many are in memory."""

Lines = Iterable[Sequence[Line]]


class Format(NamedTuple):
    """How a ledger may be written."""

    media_type: str
    write: Callable[[Lines], Iterator[bytes]]


def csv_file(parts: Lines) -> Iterator[bytes]:
    """One line of names, then one a path; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for lines in parts:
        writer.writerows(map(_cells, lines))
        yield _taken(text)
    yield _taken(text)


def _cells(line: Line) -> Sequence[object]:
    return [_time(value) if isinstance(value, datetime) else value for value in msgspec.structs.astuple(line)]


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _taken(text: io.StringIO) -> bytes:
    written = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return written


def json_lines(parts: Lines) -> Iterator[bytes]:
    """One object a path, a line each."""
    encoder = msgspec.json.Encoder()
    for lines in parts:
        yield encoder.encode_lines(lines)


def parquet_file(parts: Lines) -> Iterator[bytes]:
    """Columns, some ten thousand paths at a time."""
    arrow, parquet = _pyarrow()
    schema = _schema(arrow)
    sink = _Sink()
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for lines in _groups(parts):
            columns = [[getattr(line, name) for line in lines] for name in COLUMNS]
            writer.write_table(arrow.table(columns, schema=schema))
            yield sink.taken()
    yield sink.taken()


def _groups(parts: Lines) -> Iterator[list[Line]]:
    group: list[Line] = []
    for lines in parts:
        group += lines
        if len(group) >= ROW_GROUP:
            yield group
            group = []
    if group:
        yield group


def _schema(arrow: Any) -> Any:
    kinds: Mapping[type, Any] = {
        str: arrow.string(), int: arrow.int64(), datetime: arrow.timestamp("us", tz="UTC")
    }  # fmt: skip
    fields = msgspec.structs.fields(Line)
    return arrow.schema([(field.name, kinds[_kind(field.type)]) for field in fields])


def _kind(of: Any) -> type:
    """What a column's values are, where they are not None."""
    return next((kind for kind in getattr(of, "__args__", ()) if kind is not type(None)), of)


class _Sink(io.RawIOBase):
    """What was written since it was last taken."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._written += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._written

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _pyarrow() -> tuple[Any, Any]:
    """Loaded only for this: it is large, and not everybody has it."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        fault = Fault("?format", "parquet needs pyarrow where the API runs: pip install 'orchestrator[parquet]'")
        raise Invalid("this service writes no Parquet", [fault]) from None


def require(name: str) -> Format:
    """The format of this name; Invalid where the service can not write it."""
    if name == "parquet":
        _pyarrow()
    return FORMATS[name]


FORMATS: Mapping[str, Format] = {
    "csv": Format("text/csv", csv_file),
    "jsonl": Format("application/x-ndjson", json_lines),
    "parquet": Format("application/vnd.apache.parquet", parquet_file),
}
