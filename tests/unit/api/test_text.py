"""Paths at the edge come back as they were, whatever bytes they have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contracts.text import PathText, path_bytes, path_json, path_text

NAMES = st.one_of(st.binary(min_size=1), st.text(min_size=1).map(lambda text: text.encode("utf-8", "replace")))


@given(NAMES.filter(lambda name: b"\0" not in name))
def test_there_and_back(name: bytes):
    shown = path_json(name)
    if isinstance(shown, PathText):
        assert path_bytes(path_b64=shown.path_b64) == name
        assert "\N{REPLACEMENT CHARACTER}" in shown.path
    else:
        assert path_bytes(path=shown) == name


def test_what_can_not_be_text_says_so():
    assert path_text(b"/a\xffb") == ("/a\N{REPLACEMENT CHARACTER}b", "L2H/Yg==")
    assert path_text(b"/a\0b") == ("/a\N{REPLACEMENT CHARACTER}b", "L2EAYg==")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "either"),
        ({"path": "a", "path_b64": "YQ=="}, "either"),
        ({"path": "a\0b"}, "NUL"),
        ({"path_b64": "AA=="}, "NUL"),
        ({"path": ""}, "empty"),
        ({"path_b64": ""}, "empty"),
        ({"path_b64": "not base64!"}, "base64"),
        ({"path_b64": "\N{LATIN SMALL LETTER E WITH ACUTE}"}, "base64"),
        ({"path": "\ud800"}, "path_b64"),
    ],
)
def test_what_is_no_path_is_refused(given: dict[str, str], reason: str):
    with pytest.raises(ValueError, match=reason):
        path_bytes(**given)
