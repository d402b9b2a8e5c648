"""The rules that edited roads have to keep to."""

from collections.abc import Iterator
from typing import Any

from examples.map_edits.edits import Change
from examples.map_edits.geopackage import Box

MOST_LANES = 8


def faults(change: Change, box: Box | None) -> Iterator[str]:
    """What is wrong with a change, within the box of its job; nothing when it is all right."""
    if change.id is not None and change.base is None:
        yield f"road {change.id} was not extracted for this job"
    if change.this is None:
        return
    properties = change.this["properties"]
    name, lanes = properties.get("name"), properties.get("lanes")
    if not isinstance(name, str) or not name.strip():
        yield "has no name"
    if not isinstance(lanes, int) or isinstance(lanes, bool) or not 1 <= lanes <= MOST_LANES:
        yield f"has {lanes!r} lanes; it can have 1 to {MOST_LANES}"
    line = _line(change.this.get("geometry"))
    if line is None:
        yield "is no LineString of two points or more"
    elif box is not None and not any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for x, y in line):
        yield "is nowhere in the extent of the job"


def box_of(extent: dict[str, Any]) -> Box:
    """The box around an extent in GeoJSON."""
    points = list(_positions(extent))
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def _positions(part: Any) -> Iterator[tuple[float, float]]:
    """Every position in a geometry, a feature, a collection of these, or a list of coordinates."""
    if isinstance(part, dict):
        yield from _positions(
            [part[key] for key in ("coordinates", "geometry", "geometries", "features") if part.get(key)]
        )
    elif isinstance(part[0], (int, float)):
        yield part[0], part[1]
    else:
        for inner in part:
            yield from _positions(inner)


def _line(geometry: Any) -> list[tuple[float, float]] | None:
    try:
        line = [(float(x), float(y)) for x, y, *_ in geometry["coordinates"]]
        return line if geometry["type"] == "LineString" and len(line) >= 2 else None
    except (TypeError, ValueError, KeyError):
        return None
