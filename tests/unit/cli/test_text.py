import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.text import duration, number, path, safe


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain name.tif", "plain name.tif"),
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        ("two\nlines\r\ttab", r"two\nlines\r\ttab"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\x9b31m", r"\x9b31m"),
        ("\u2028", r"\u2028"),
        ("caf\udce9", r"caf\xe9"),
        ("\ud800", r"\ud800"),
        ("👩‍👩‍👧 🗺️ é 日本", "👩‍👩‍👧 🗺️ é 日本"),
    ],
)
def test_what_would_act_on_a_terminal_is_written_out(name: str, shown: str) -> None:
    assert safe(name) == shown


@given(st.text(st.characters(), max_size=50))
def test_any_text_ends_on_one_line_that_can_be_encoded(text: str) -> None:
    shown = safe(text)
    shown.encode()
    assert "\x1b" not in shown
    assert len(shown.splitlines()) <= 1


def test_a_path_is_shown_by_its_own_bytes() -> None:
    raw = b"/data/caf\xe9\x1b.tif"
    item = {"path": raw.decode(errors="replace"), "path_b64": base64.b64encode(raw).decode()}
    assert path(item) == r"/data/caf\xe9\x1b.tif"
    assert path({"path": "/a b", "path_b64": None}) == "/a b"
    assert path("/a\nb") == r"/a\nb"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (-1, "0.0s"),
        (0.84, "0.8s"),
        (9.99, "10.0s"),
        (42, "42s"),
        (59.7, "1m 00s"),
        (185, "3m 05s"),
        (3599.9, "1h 00m"),
        (7440, "2h 04m"),
        (86400 * 3 + 3700, "3d 01h"),
    ],
)
def test_lengths_of_time_are_said_as_people_do(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


def test_counts_have_their_thousands_set_apart() -> None:
    assert (number(None), number(0), number(1234567)) == ("-", "0", "1,234,567")
