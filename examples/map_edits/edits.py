"""What was edited: the package as it came back, compared feature by feature with what it was when it was extracted.

The edits are the package itself, a GeoJSON FeatureCollection: a feature that has changed is changed in it, one without
an id is new, one that is missing or has the property ``deleted`` is deleted. The property ``version`` says which one of
the dataset's the editor has seen; null: that it was gone.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from examples.map_edits.geopackage import Feature

EDITED = ("name", "lanes")
"""The properties that people edit."""


class BadEdits(Exception):
    """The edits can not be read."""


@dataclass(frozen=True)
class Change:
    """What was done to one feature: ``this`` is how it is to be (None: gone), ``base`` how it was extracted."""

    key: str
    id: int | None
    this: Feature | None
    base: Feature | None
    seen: int | None
    """The version that was looked at when it was edited; None: it was gone, or is new."""


def read(document: bytes) -> list[Feature]:
    """The features of a document; BadEdits when it is no FeatureCollection."""
    try:
        features = json.loads(document)["features"]
        for feature in features:
            if not isinstance(feature["properties"], dict) or not isinstance(feature.get("id"), int | None):
                raise BadEdits("a feature's properties have to be an object, its id a whole number")
    except (ValueError, KeyError, TypeError) as error:
        raise BadEdits(f"the edits are no GeoJSON FeatureCollection: {type(error).__name__} {error}") from None
    return features


def written(features: list[Feature]) -> bytes:
    """A document with these features."""
    return json.dumps({"type": "FeatureCollection", "features": features}, indent=1).encode()


def changes(base: list[Feature], edits: list[Feature]) -> dict[str, Change]:
    """What was changed, by key: the feature's id, or ``new-<n>`` for the nth new one. BadEdits for an id twice."""
    return {change.key: change for change in _changes({feature["id"]: feature for feature in base}, edits)}


def _changes(base: dict[int, Feature], edits: list[Feature]) -> Iterator[Change]:
    found: set[Any] = set()
    new = 0
    for feature in edits:
        id, properties = feature.get("id"), feature["properties"]
        this = None if properties.get("deleted") else feature
        if id is None:
            new += 1
            yield Change(f"new-{new}", None, this, None, None)
            continue
        if id in found:
            raise BadEdits(f"the feature {id} is there twice")
        found.add(id)
        was, seen = base.get(id), properties.get("version")
        untouched = was is not None and same(was, this) and seen == was["properties"]["version"]
        if not untouched:
            yield Change(str(id), id, this, was, seen)
    for id in base.keys() - found:
        yield Change(str(id), id, None, base[id], base[id]["properties"]["version"])


def same(one: Feature | None, other: Feature | None) -> bool:
    """Whether two features are the same to people: place and properties, whatever their versions."""
    if one is None or other is None:
        return one is other
    return content(one) == content(other)


def content(feature: Feature) -> tuple[Any, ...]:
    """What people see of a feature."""
    return feature.get("geometry"), *(feature["properties"].get(name) for name in EDITED)


def conflict(change: Change, now: Feature | None) -> str | None:
    """Why a change can not be merged into what the dataset has now; None when it can."""
    if same(change.this, now) or change.id is None:
        return None
    version = now and now["properties"]["version"]
    if version == change.seen:
        return None
    if now is None:
        return f"conflict: it was deleted; version {change.seen} was edited"
    return f"conflict: version {version} is by job {now['properties']['job']}; version {change.seen} was edited"
