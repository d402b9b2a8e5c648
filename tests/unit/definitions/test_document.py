import math
import time
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contracts.document import read_json, read_yaml
from orchestrator.domain.storable import storable_faults
from orchestrator.errors import Invalid

_LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)


def reason(read: Any, text: str | bytes) -> str:
    with pytest.raises(Invalid) as refusal:
        read(text.encode() if isinstance(text, str) else text)
    return refusal.value.faults[0].reason


def test_yaml_with_anchors_and_merges_is_read() -> None:
    text = "base: &b {x: 1, y: 2}\nm: &m\n  <<: *b\n  x: 3\nn:\n  <<: *m\n  x: 4\nl: [*b, *b]\n"
    assert read_yaml(text.encode()) == {
        "base": {"x": 1, "y": 2},
        "m": {"x": 3, "y": 2},
        "n": {"x": 4, "y": 2},
        "l": [{"x": 1, "y": 2}] * 2,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' is there twice"),
        ("x:\n  - {b: 1, b: 2}", "line 2: the key 'b' is there twice"),
        ("a: *algorithm", 'to name a field, put it in quotes: "*algorithm"'),
        ("a: &a [*a]", "alias without its anchor"),
        (_LAUGHS, "its aliases written out"),
        ("- &a x\n" * 200_000, "more than 100000 values"),
        ("[" * 500_000, "nested deeper than 32 levels"),
        ("{a: " * 500_000, "nested deeper than 32 levels"),
        ("- " * 500_000, "nested deeper than 32 levels"),
        ("!!python/object/apply:os.system [x]", "tags such as"),
        ("a: !!binary eA==", "tags such as"),
        ("a: b: c", "line 1: mapping values are not allowed"),
        ("? [a]\n: b", "unhashable key"),
        ("--- a\n--- b", "another document"),
        ("a: \0", "control characters are not allowed"),
        ("a: 2024-99-99", "month must be in 1..12"),
        ("a: " + "9" * 6000, "4300 digits"),
        ("%YAML 9.9\n--- a", "incompatible"),
        (b"\xff", "can't decode"),
    ],
)
def test_hostile_yaml_is_refused(text: str | bytes, expected: str) -> None:
    began = time.process_time()
    assert expected in reason(read_yaml, text)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"a": NaN}', b"1e999", b"[" * 100_000, b'"\\ud800"', b"\xff", b"01", b"{}{}"]
)
def test_hostile_json_is_refused(text: bytes) -> None:
    assert reason(read_json, text)


@given(st.binary(max_size=200) | st.text(alphabet="ab:-[]{}&*!|>'\"#%@`?, \n\t<=.~0", max_size=60).map(str.encode))
def test_no_text_does_worse_than_be_refused(text: bytes) -> None:
    for read in (read_yaml, read_json):
        with suppress(Invalid):
            list(storable_faults(read(text)))


_texts = st.text().filter(lambda text: "\0" not in text)
_scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-(2.0**62), 2.0**62) | _texts
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4), max_leaves=20
)


@given(_values)
def test_what_yaml_writes_is_read(value: Any) -> None:
    assert read_yaml(yaml.safe_dump(value, allow_unicode=False).encode()) == value
    assert list(storable_faults(value)) == []


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": [0, "x\0"]}, "$.a[1]"),
        ({"a\0": 1}, "$"),
        ({1: 2}, "$"),
        ({"a b": 1 << 63}, "$['a b']"),
        ([math.nan], "$[0]"),
        ([math.inf], "$[0]"),
        ([2.0**63], "$[0]"),
        (["\ud800"], "$[0]"),
        ([b"x"], "$[0]"),
        ({"a": {1, 2}}, "$.a"),
        (yaml.safe_load("{d: 2024-01-01}"), "$.d"),
    ],
)
def test_what_can_not_be_kept_has_a_place(value: Any, place: str) -> None:
    assert [fault.place for fault in storable_faults(value)] == [place]


def test_what_contains_itself_is_too_deep() -> None:
    value: list[Any] = []
    value += [value, value]
    assert "nested deeper" in next(storable_faults(value)).reason


def test_a_key_can_be_left_to_others() -> None:
    assert not list(storable_faults({"paths": ["\0"]}, except_below=frozenset({"paths"})))
    assert list(storable_faults({"a": {"paths": ["\0"]}}, except_below=frozenset({"paths"})))
