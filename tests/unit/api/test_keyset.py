"""Cursors: what comes back is a place of the right kinds, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import Invalid
from orchestrator.storage.queries.keyset import MOST_INTEGER, decode, encode


@given(st.integers(-MOST_INTEGER, MOST_INTEGER), st.text("abc-._xyz", min_size=1))
def test_there_and_back(number: int, word: str):
    assert decode(encode("these", [number, word]), "these", int, str) == [number, word]


@given(st.text())
def test_anything_else_is_refused_with_its_place(cursor: str):
    with pytest.raises(Invalid) as refused:
        decode(cursor + "-", "these", int, str, int, str)
    assert refused.value.faults[0].place == "?cursor"


@pytest.mark.parametrize("place", [["x"], [True], [1.5], [2**63], [1, 2], [], [None]])
def test_a_place_of_the_wrong_kind_is_refused(place: list[int | str]):
    with pytest.raises(Invalid):
        decode(encode("these", place), "these", int)
    with pytest.raises(Invalid):
        decode(encode("these", ["a\0"]), "these", str)


def test_a_place_in_another_list_is_refused():
    with pytest.raises(Invalid):
        decode(encode("those", [1]), "these", int)
