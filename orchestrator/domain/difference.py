"""What is different between two documents (of JSON), place by place.

Lists are laid beside each other by what is the same in both, so that a step that was put in front does not change all
that come after it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Literal, cast

from orchestrator.domain.place import inside

_NONE: Any = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One place that is not the same: what was there, and what is there now."""

    place: str
    """A JSON path into the later document; into the earlier one for what is gone."""
    change: Literal["added", "removed", "changed"]
    before: Any = None
    after: Any = None


def differences(before: Any, after: Any, place: str = "$") -> Iterator[Difference]:
    """All of them, in the order of the earlier document, with what is new behind."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(cast(dict[str, Any], before), cast(dict[str, Any], after), place)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(cast(list[Any], before), cast(list[Any], after), place)
    elif _spelled(before) != _spelled(after):
        yield Difference(place, "changed", before, after)


def _of_objects(before: Mapping[str, Any], after: Mapping[str, Any], place: str) -> Iterator[Difference]:
    for key in [*before, *(key for key in after if key not in before)]:
        yield from _of_both(before.get(key, _NONE), after.get(key, _NONE), inside(place, key), inside(place, key))


def _of_lists(before: Sequence[Any], after: Sequence[Any], place: str) -> Iterator[Difference]:
    matcher = SequenceMatcher(None, [*map(_spelled, before)], [*map(_spelled, after)], autojunk=False)
    for tag, begin, end, new_begin, new_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        old = [(at, before[at]) for at in range(begin, end)]
        new = [(at, after[at]) for at in range(new_begin, new_end)]
        for (was_at, was), (is_at, now) in zip_longest(old, new, fillvalue=(0, _NONE)):
            yield from _of_both(was, now, f"{place}[{was_at}]", f"{place}[{is_at}]")


def _of_both(was: Any, now: Any, was_at: str, is_at: str) -> Iterator[Difference]:
    if was is _NONE:
        yield Difference(is_at, "added", after=now)
    elif now is _NONE:
        yield Difference(was_at, "removed", before=was)
    else:
        yield from differences(was, now, is_at)


def _spelled(value: Any) -> str:
    """For comparing: to Python, 1 and true are the same."""
    return json.dumps(value, sort_keys=True)
