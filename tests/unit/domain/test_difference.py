"""What is different between two documents, place by place."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.difference import Difference, differences


def told(before: Any, after: Any) -> list[str]:
    marks = {"added": "+", "removed": "-", "changed": "~"}
    return [f"{marks[one.change]} {one.place}" for one in differences(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["~ $.a"]),
        ({"a": 1}, {"a": True}, ["~ $.a"]),
        ({"a": 1}, {"b": 1}, ["- $.a", "+ $.b"]),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, ["+ $.a.c"]),
        ({"a": {"b": 1}}, {"a": [1]}, ["~ $.a"]),
        ([1, 2, 3], [0, 1, 2, 3], ["+ $[0]"]),
        ([1, 2, 3], [1, 3], ["- $[1]"]),
        ([{"n": "x", "t": 1}, {"n": "y"}], [{"n": "x", "t": 2}, {"n": "y"}], ["~ $[0].t"]),
        ([{"n": "x"}], [{"n": "w"}, {"n": "x"}], ["+ $[0]"]),
        ({"a b": 1}, {"a b": None}, ["~ $['a b']"]),
    ],
)
def test_each_place_is_told(before: Any, after: Any, expected: list[str]) -> None:
    assert told(before, after) == expected


def test_what_was_and_what_is_are_told() -> None:
    assert list(differences({"a": 1, "b": 2}, {"a": 3, "c": 4})) == [
        Difference("$.a", "changed", 1, 3),
        Difference("$.b", "removed", before=2),
        Difference("$.c", "added", after=4),
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a", "*a"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES, VALUES)
def test_nothing_is_told_of_what_is_the_same_and_something_of_all_else(before: Any, after: Any) -> None:
    same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert (not told(before, after)) == same
    assert not told(after, after)
