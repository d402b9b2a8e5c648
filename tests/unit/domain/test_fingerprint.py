"""Failures that are alike meet, others do not, and it costs what the message is long."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.fingerprint import LONGEST, fingerprint, template


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "[Errno 2] No such file or directory: '/data/a b/c.tif'",
            "[Errno <number>] No such file or directory: <text>",
        ),
        ("bad header in scan_0001.tif: 12 of 15.5 MB", "bad header in <path>: <number> of <number> MB"),
        ("/data/x y/z: denied", "<path> <path>: denied"),
        ("C:\\data\\x.tif is gone", "C:<path> is gone"),
        ("no answer from db-3.example.com:5432", "no answer from <path>:<number>"),
        ("<Image object at 0x7f3a8c00>", "<Image object at <number>>"),
        ("job 3f2504e0-4f89-11d3-9a0c-0305e82c3301 lost", "job <number> lost"),
        ("etag 9e107d9d372bb6826bd81d3542a419d6", "etag <number>"),
        ("no such key tmp8f3kq2zx", "no such key <number>"),
        ("sha256 differs", "sha<number> differs"),
        ("expected -5, got +7.25e-3", "expected <number>, got <number>"),
        ("can't open it's lid", "can't open it's lid"),
        ('he said "no" to `x`', "he said <text> to <text>"),
        (r"b'it\'s' is not 'text'", "<text> is not <text>"),
        ("not 'closed", "not 'closed"),
        ("two\n  lines\t and tabs ", "two lines and tabs"),
        ("not reported", "not reported"),
        ("", ""),
    ],
)
def test_what_differs_is_left_out(message: str, expected: str) -> None:
    assert template(message) == expected


NAMES = st.text(st.characters(exclude_characters="'\\", exclude_categories=[]), max_size=30)


@given(NAMES, NAMES, st.integers(), st.integers())
def test_failures_that_are_alike_meet(one: str, other: str, first: int, second: int) -> None:
    def failed(name: str, size: int) -> str:
        return fingerprint("OSError", f"can not read '{name}' of {size} bytes", "fs.copy", 1)

    assert failed(one, first) == failed(other, second)


def test_failures_that_differ_do_not_meet() -> None:
    prints = {
        fingerprint("OSError", "denied", "fs.copy", 1),
        fingerprint("ValueError", "denied", "fs.copy", 1),
        fingerprint("OSError", "disk full", "fs.copy", 1),
        fingerprint("OSError", "denied", "fs.stat", 1),
        fingerprint("OSError", "denied", "fs.copy", 2),
        fingerprint("OSErrordenied", "", "fs.copy", 1),
    }
    assert len(prints) == 6
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in prints)


def test_it_is_the_same_in_every_process() -> None:
    code = "from orchestrator.domain.fingerprint import *; print(fingerprint('E', 'no 5 in \\'x\\'', 'a', 0))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert run.stdout.strip() == fingerprint("E", "no 7 in 'y'", "a", 0)


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_has_one(message: str) -> None:
    assert len(fingerprint("E", message, "a", 0)) == 16
    assert fingerprint("E", message, "a", 0) == fingerprint("E", message, "a", 0)


def test_what_comes_after_the_longest_is_no_difference() -> None:
    start = "word " * (LONGEST // 5)
    assert fingerprint("E", start + "one", "a", 0) == fingerprint("E", start + "other", "a", 0)
    assert template(start * 1000) == template(start)


def test_no_message_is_scanned_again_and_again() -> None:
    """In a process of its own, without the cut: for so many characters a quadratic scan takes minutes."""
    code = "import sys; from orchestrator.domain import fingerprint as f; f.LONGEST = 10**6\n"
    code += "for piece in sys.argv[1:]: print(len(f.template(piece * (300_000 // len(piece)))) > 0)"
    pieces = ["'\"'", "\\'", "aaaaaaaaa", "1", "x.", "ab12-", "'a ", "f" * 9 + "-"]
    run = subprocess.run([sys.executable, "-c", code, *pieces], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.split() == ["True"] * len(pieces)
