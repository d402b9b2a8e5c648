"""Roads in a GeoPackage, by Python's own sqlite3: features with an id, a version, and the job that changed them last.

A feature is as GeoJSON has it, with a LineString and the properties ``name``, ``lanes``, ``version`` and ``job``.
"""

import sqlite3
import struct
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

Feature = dict[str, Any]
Box = tuple[float, float, float, float]
"""West, south, east, north."""

PATIENCE_S = 10.0
"""How long to wait for another who writes."""
_WGS84 = 4326
_TABLES = Path(__file__).with_name("roads.sql")


def create(path: Path, features: Iterable[Feature]) -> None:
    """Make the dataset anew, with these roads at version 1."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(_TABLES.read_text(encoding="utf-8"))
        with database:
            for feature in features:
                put(database, feature, version=1)


@contextmanager
def transaction(path: str) -> Generator[sqlite3.Connection, None, None]:
    """All that is done within is done together, or not at all; nobody else writes meanwhile."""
    # Never made here: a dataset that is not there is a mistake.
    with closing(sqlite3.connect(f"file:{_escaped(path)}?mode=rw", uri=True, timeout=PATIENCE_S)) as database:
        database.isolation_level = None
        database.execute("begin immediate")
        try:
            yield database
        except BaseException:
            database.execute("rollback")
            raise
        database.execute("commit")


def road(database: sqlite3.Connection, id: int | None) -> Feature | None:
    """The road of this id as it is now."""
    row = database.execute("select id, geom, name, lanes, version, job from roads where id = ?", (id,)).fetchone()
    return None if row is None else _feature(*row)


def roads(database: sqlite3.Connection, box: Box | None = None) -> list[Feature]:
    """All roads, or those that come into a box, by their ids."""
    rows = database.execute("select id, geom, name, lanes, version, job from roads order by id")
    return [_feature(*row) for row in rows if box is None or _overlap(box, envelope(row[1]))]


def put(database: sqlite3.Connection, feature: Feature, version: int, job: int | None = None) -> None:
    """Write a road: in place of the one with its id, or as a new one."""
    properties = feature["properties"]
    line = encode(feature["geometry"]["coordinates"])
    database.execute(
        "insert or replace into roads (id, geom, name, lanes, version, job) values (?, ?, ?, ?, ?, ?)",
        (feature.get("id"), line, properties["name"], properties["lanes"], version, job),
    )


def encode(line: list[list[float]]) -> bytes:
    """A line as a GeoPackage has it: its header with the envelope, and WKB."""
    xs, ys = [point[0] for point in line], [point[1] for point in line]
    header = struct.pack("<2sBBi4d", b"GP", 0, 0b11, _WGS84, min(xs), max(xs), min(ys), max(ys))
    flat = [number for point in line for number in point[:2]]
    return header + struct.pack(f"<BII{len(flat)}d", 1, 2, len(line), *flat)


def decode(blob: bytes) -> list[list[float]]:
    """The line of such a value."""
    _, _, count = struct.unpack_from("<BII", blob, 40)
    flat = struct.unpack_from(f"<{2 * count}d", blob, 49)
    return [[x, y] for x, y in zip(flat[::2], flat[1::2], strict=True)]


def envelope(blob: bytes) -> Box:
    """The box around it."""
    west, east, south, north = struct.unpack_from("<4d", blob, 8)
    return west, south, east, north


def _feature(id: int, geom: bytes, name: str, lanes: int, version: int, job: int | None) -> Feature:
    geometry = {"type": "LineString", "coordinates": decode(geom)}
    properties = {"name": name, "lanes": lanes, "version": version, "job": job}
    return {"type": "Feature", "id": id, "geometry": geometry, "properties": properties}


def _overlap(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _escaped(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
