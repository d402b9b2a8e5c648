"""Where a job is: GeoJSON (RFC 7946), as far as its form can be checked without knowing the place."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, cast

from pydantic import AfterValidator

_DEPTHS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
"""How many lists are around a position."""
MAX_POSITIONS = 20_000


def checked(extent: dict[str, Any]) -> dict[str, Any]:
    """The extent again; ValueError for what is no GeoJSON."""
    left = _check(extent, MAX_POSITIONS)
    if left < 0:
        raise ValueError(f"has more than {MAX_POSITIONS} positions")
    return extent


Extent = Annotated[dict[str, Any], AfterValidator(checked)]


def _check(thing: object, left: int) -> int:
    """Check an object of GeoJSON; how many positions may still come."""
    if not isinstance(thing, Mapping):
        raise ValueError("has to be a GeoJSON object")
    members = cast(Mapping[str, object], thing)
    kind = members.get("type")
    if kind == "Feature":
        return left if members.get("geometry") is None else _check(members["geometry"], left)
    if kind in ("FeatureCollection", "GeometryCollection"):
        name = "features" if kind == "FeatureCollection" else "geometries"
        for part in _list(members.get(name), name):
            left = _check(part, left)
        return left
    if kind not in _DEPTHS:
        raise ValueError(f"its type has to be one of {', '.join([*_DEPTHS, 'GeometryCollection', 'Feature'])}")
    return _check_coordinates(members.get("coordinates"), _DEPTHS[cast(str, kind)], kind == "Polygon", left)


def _check_coordinates(value: object, depth: int, rings: bool, left: int) -> int:
    values = _list(value, "coordinates")
    if depth == 0:
        if not 2 <= len(values) <= 4 or not all(type(number) in (int, float) for number in values):
            raise ValueError("a position has to be two to four numbers: longitude, latitude, and height")
        return left - 1
    if rings and depth == 1 and (len(values) < 4 or values[0] != values[-1]):
        raise ValueError("a ring of a polygon has at least four positions, and ends where it began")
    for part in values:
        left = _check_coordinates(part, depth - 1, rings, left)
        if left < 0:
            break
    return left


def _list(value: object, name: str) -> Sequence[object]:
    if not isinstance(value, list):
        raise ValueError(f"its {name} have to be a list")
    return cast(list[object], value)
