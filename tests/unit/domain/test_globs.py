"""Globs against an oracle that tries everything, hostile names, and what they may cost."""

import re
import subprocess
import sys
from fnmatch import fnmatchcase

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.domain.globs import Globs, as_text, check_glob


def matches(glob: str, path: bytes, base: int | None = None) -> bool:
    """Ask one glob about a path of which the part from ``base`` on is below its base."""
    text = as_text(path)
    return Globs([glob]).match(text, text.rfind("/") + 1, base)


def plainly(glob: list[str], path: list[str]) -> bool:
    """What ``**`` means, written without a thought to its cost; the components are fnmatch's."""
    if not glob:
        return not path
    if glob[0] == "**":
        if len(glob) == 1:
            return bool(path)
        return any(plainly(glob[1:], path[cut:]) for cut in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], glob[0]) and plainly(glob[1:], path[1:])


COMPONENT = st.one_of(
    st.just("**"),
    st.text("ab*?", min_size=1, max_size=6),
    st.lists(st.sampled_from(["a", "b", "*", "?", "[ab]", "[!a]", "[a-b]", "[]a]"]), min_size=1, max_size=4).map(
        "".join
    ),
)


@given(
    st.lists(COMPONENT, min_size=1, max_size=5),
    st.lists(st.text("ab]\n", min_size=1, max_size=5), min_size=1, max_size=6),
)
@example(["**", "a", "**", "b"], ["a", "b", "a", "b"])
@example(["a", "**"], ["a"])
@example(["*", "**"], ["]"])
@example(["**", "*b", "**", "a*", "b"], ["b", "a", "a", "b"])
def test_globs_mean_what_trying_everything_finds(glob: list[str], path: list[str]) -> None:
    if len(glob) > 1:
        whole = "/" + "/".join(path)
        assert matches("/" + "/".join(glob), whole.encode()) == plainly(glob, path)
        assert matches("/".join(glob), whole.encode(), 1) == plainly(glob, path)
        assert matches("/".join(glob), whole.encode()) == any(plainly(glob, path[cut:]) for cut in range(len(path) + 1))
    else:
        assert matches(glob[0], "/".join(path).encode()) == fnmatchcase(path[-1], glob[0])


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("*.tif", b"/data/x.tif", True),
        ("*.tif", b"/data/x.TIF", False),
        ("*.tif", b"/data.tif/x", False),
        (".*", b"/data/.git", True),
        ("*", b"/data/.git", True),
        ("**", b"/data/x", True),
        ("/data/*", b"/data/a/b", False),
        ("/data/**", b"/data/a/b", True),
        ("/data/**", b"/data", False),
        ("/data/**/b", b"/data/b", True),
        ("data/*", b"/x/data/a", True),
        ("ata/*", b"/x/data/a", False),
        ("s3://bucket/**", b"s3://bucket/key/of/it", True),
        ("s3://bucket/*.tif", b"s3://bucket/key/x.tif", False),
        ("bucket/*", b"s3://bucket/key", True),
        ("[[]x]", b"/d/[x]", True),
        ("[*]", b"/d/*", True),
        ("[*]", b"/d/x", False),
        ("[^a]", b"/d/b", True),
        ("[!a]", b"/d/a", False),
        ("[a-]", b"/d/-", True),
        ("\\*", b"/d/\\x", True),
        ("(a|b)+.$", b"/d/(a|b)+.$", True),
        ("a b\n*", b"/d/a b\n\nc", True),
        ("?", "/d/é".encode(), True),
        ("??", "/d/é".encode(), False),
        ("*[!é]", "/d/é".encode(), False),
        ("[à-ü]", "/d/é".encode(), True),
        ("?", b"/d/\xff", True),
        ("*.\udcff", b"/d/x.\xff", True),
        ("*.\udcff", "/d/x.ÿ".encode(), False),
        ("\udcc3\udca9", "/d/é".encode(), True),
        ("🦊*", "/d/🦊.txt".encode(), True),
    ],
)
def test_hostile_names(glob: str, path: bytes, expected: bool) -> None:
    assert matches(glob, path) is expected


FILE_NAMES = st.binary(min_size=1, max_size=30).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)


@given(FILE_NAMES)
def test_every_name_is_matched_by_itself_and_by_its_length_in_question_marks(name: bytes) -> None:
    text = as_text(name)
    assert matches("".join(f"[{c}]" if c in "*?[" else c for c in text), b"/d/" + name)
    assert matches("?" * len(text), b"/d/" + name)
    assert not matches("?" * (len(text) + 1), b"/d/" + name)


@pytest.mark.parametrize(
    "glob",
    ["", "[", "a[b", "[]", "[!]", "[z-a]", "[[:alpha:]]", "a/[b/c]", "a/", "/", "./a", "a/../b", ".", "a\0b", "\ud800"],
)
def test_a_bad_glob_is_named(glob: str) -> None:
    for refuse in (check_glob, lambda bad: Globs(["*.tif", bad])):
        with pytest.raises(ValueError, match=re.escape(f"glob {glob!r}: ")) as caught:
            refuse(glob)
        assert not isinstance(caught.value, UnicodeError)


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("*a" * 200 + "*b", b"/d/" + b"a" * 4096),
        ("*a*" * 100 + "b", b"/d/" + b"a" * 4096),
        ("*?" * 200 + "b", b"/d/" + b"a" * 4096),
        ("*[ab]" * 200 + "c", b"/d/" + b"a" * 4096),
        ("/**/" + "a/**/" * 100 + "b", b"/a" * 2048),
        ("**/" + "*a*/**/" * 50 + "b", b"/a" * 2048),
        ("*/" * 200 + "b", b"/a" * 2048),
        ("**/*a*a*a*/*b", b"/" + b"a" * 2000 + b"/" + b"a" * 2000),
    ],
)
def test_no_glob_backtracks_without_bound(glob: str, path: bytes) -> None:
    """In a process of its own: what backtracks here takes for ever, and nothing but a kill can interrupt it."""
    code = "import sys; from orchestrator.domain.globs import *; t = as_text(bytes.fromhex(sys.argv[2]))\n"
    code += "for glob in (sys.argv[1],): print(Globs([glob]).match(t, t.rfind('/') + 1, None))"
    run = subprocess.run(
        [sys.executable, "-c", code, glob, path.hex()], capture_output=True, text=True, timeout=30, check=True
    )
    assert run.stdout == "False\n"


def test_many_globs_are_one_question() -> None:
    many = Globs([*(f"*.x{number}" for number in range(500)), "/data/**/y", "sub/*"])
    assert many.relative
    assert many.match("/d/a.x499", 3, None)
    assert many.match("/data/a/y", 8, None)
    assert many.match("/d/sub/y", 7, 3)
    assert not many.match("/d/sub/y", 7, 1)
    assert not many.match("/d/a.x500", 3, None)
