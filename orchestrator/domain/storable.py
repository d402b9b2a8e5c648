"""Which values from outside can be kept and sent: plain JSON that PostgreSQL and MessagePack can both hold."""

from collections.abc import Iterator
from typing import cast

from orchestrator.domain.place import inside
from orchestrator.errors import Fault

MAX_DEPTH = 32
_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1


def storable_faults(value: object, place: str = "$", *, except_below: frozenset[str] = frozenset()) -> Iterator[Fault]:
    """What in a value can not be kept, with its place; nothing when it is all right.

    ``except_below`` names keys of the outermost object that are somebody else's to check.
    """
    waiting: list[tuple[object, str, int]] = [(value, place, 0)]
    while waiting:
        item, where, depth = waiting.pop()
        if depth > MAX_DEPTH:
            yield Fault(where, f"is nested deeper than {MAX_DEPTH} levels")
            return
        if isinstance(item, dict):
            members = cast(dict[object, object], item)
            for key, member in members.items():
                if not isinstance(key, str):
                    yield Fault(where, f"has the key {str(key)[:50]!r}, which is no text: put it in quotes")
                elif fault := _text_fault(key):
                    yield Fault(where, f"has a key that {fault}")
                elif depth or key not in except_below:
                    waiting.append((member, inside(where, key), depth + 1))
        elif isinstance(item, list):
            elements = cast(list[object], item)
            waiting.extend((element, inside(where, i), depth + 1) for i, element in enumerate(elements))
        elif reason := _scalar_fault(item):
            yield Fault(where, reason)


def _scalar_fault(item: object) -> str | None:
    if item is None or isinstance(item, bool):
        return None
    if isinstance(item, str):
        return _text_fault(item)
    if isinstance(item, int):
        return None if _SMALLEST <= item <= _LARGEST else "does not fit into 64 bits"
    if isinstance(item, float):
        # The database keeps 1e20 as the whole number that it is, so the bound is the same.
        return None if _SMALLEST <= item < -_SMALLEST else "is not a number that fits into 64 bits"
    return f"is a {type(item).__name__}, which JSON does not have: put it in quotes"


def _text_fault(item: str) -> str | None:
    if "\0" in item:
        return "contains a NUL character"
    try:
        item.encode()
    except UnicodeEncodeError:
        return "is not valid Unicode (half of a surrogate pair)"
    return None
