import keyword
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.fields import Field, FieldType, bind, reference, references, substitute

SITES = frozenset({"london", "paris"})
GOOD: dict[FieldType, list[Any]] = {
    FieldType.STRING: ["", "a", "\U0001f600"],
    FieldType.INT: [0, -5, 1 << 40],
    FieldType.FLOAT: [0, 1.5],
    FieldType.BOOL: [True, False],
    FieldType.CHOICE: ["a", 1],
    FieldType.SITE: ["london"],
    FieldType.QUEUE: ["bulk", "A_1-b"],
    FieldType.PATH: ["/x", "s3://a"],
    FieldType.PATHS: [[], ["/x", "y"]],
    FieldType.JSON: [0, "", [1, {"a": None}]],
}
BAD: dict[FieldType, list[Any]] = {
    FieldType.STRING: [1, True, [], {}],
    FieldType.INT: ["1", 1.0, True],
    FieldType.FLOAT: ["1", True],
    FieldType.BOOL: [0, 1, "true"],
    FieldType.CHOICE: ["b", True, 1.0, "1"],
    FieldType.SITE: ["rome", "", 1],
    FieldType.QUEUE: ["a.b", "", 1, "a\n", "x" * 101],
    FieldType.PATH: ["", 1, []],
    FieldType.PATHS: ["/x", [1], [""]],
    FieldType.JSON: [],
}


def field(type: FieldType, **more: Any) -> Field:
    return Field("f", type, ("a", 1) if type is FieldType.CHOICE else (), **more)


@pytest.mark.parametrize("type", FieldType)
def test_every_type_takes_its_values_and_no_others(type: FieldType) -> None:
    for value in GOOD[type]:
        assert bind([field(type)], {"f": value}, sites=SITES) == ({"f": value}, [])
    for value in BAD[type]:
        bound, faults = bind([field(type)], {"f": value}, sites=SITES)
        assert bound == {}
        assert [fault.place for fault in faults] == ["$.fields.f"], value


def test_absent_default_and_required() -> None:
    assert bind([field(FieldType.INT)], {}) == ({}, [])
    assert bind([field(FieldType.INT, default=3)], {}) == ({"f": 3}, [])
    assert bind([field(FieldType.INT, default=3)], {"f": None}) == ({"f": 3}, [])
    assert bind([field(FieldType.INT, default=3)], {"f": 0}) == ({"f": 0}, [])
    assert bind([field(FieldType.JSON, default=3)], {"f": None}) == ({"f": None}, [])
    _, faults = bind([field(FieldType.INT, required=True)], {})
    assert [(fault.place, fault.reason) for fault in faults] == [("$.fields.f", "is required")]


def test_an_unknown_field_is_named() -> None:
    _, faults = bind([field(FieldType.INT)], {"g": 1})
    assert [fault.place for fault in faults] == ["$.fields.g"]
    assert "this workflow's fields: f" in faults[0].reason


@pytest.mark.parametrize("text", ["*", "**", "*.tif", "**/x", "x*", "* a", "*a b", "*a\n", "a", "*1", "**f"])
def test_what_is_no_reference(text: str) -> None:
    assert reference(text) is None


def test_a_reference_is_the_whole_value() -> None:
    params = {"a": "*f", "b": ["*f", {"c": "*g"}], "d": "x*f", "e": "**f", "h": "***f", "i": "**/f", "j": 1}
    assert substitute(params, {"f": [1], "g": None}) == {
        "a": [1],
        "b": [[1], {"c": None}],
        "d": "x*f",
        "e": "*f",
        "h": "**f",
        "i": "**/f",
        "j": 1,
    }


def test_an_absent_field_leaves_its_parameter_out() -> None:
    assert substitute({"a": "*f", "b": ["*f"], "c": 1}, {}) == {"b": [None], "c": 1}


def test_references_have_their_places() -> None:
    found = references({"a": "*f", "b": [0, {"x y": "*g"}], "c": "**h"}, "$")
    assert sorted(found) == [("$.a", "f"), ("$.b[1]['x y']", "g")]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
_names = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_-]*\Z").filter(lambda name: not keyword.iskeyword(name))


@given(_names, _json)
def test_a_value_comes_out_as_it_went_in(name: str, value: Any) -> None:
    """What a field's value looks like is never read again: no reference hides in it."""
    assert substitute({"p": f"*{name}", "q": [f"*{name}"]}, {name: value}) == {"p": value, "q": [value]}
    assert substitute({"p": f"**{name}"}, {name: value}) == {"p": f"*{name}"}


@given(st.dictionaries(st.text(), _json, max_size=4))
def test_without_references_or_escapes_nothing_changes(params: dict[str, Any]) -> None:
    if "*" not in repr(params):
        assert substitute(params, {"f": 1}) == params
