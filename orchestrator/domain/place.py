"""Places in a document, as JSON paths: ``$.filter_rules[0].action[1].zoom``."""

import re
from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_LONGEST_KEY = 100


def inside(place: str, key: str | int) -> str:
    """The place of a member of what is at ``place``."""
    if isinstance(key, int):
        return f"{place}[{key}]"
    if _PLAIN.fullmatch(key):
        return f"{place}.{key}"
    shown = key.encode(errors="replace").decode()[:_LONGEST_KEY]
    return f"{place}[{shown!r}]"


def place_of(keys: Iterable[str | int], start: str = "$") -> str:
    """The place that these keys lead to."""
    place = start
    for key in keys:
        place = inside(place, key)
    return place
