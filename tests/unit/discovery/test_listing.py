"""Lists of paths: as they are written, whatever is wrong with some lines, and from any place in them."""

import base64
import gzip
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.contracts.path_line import LONGEST_LINE
from orchestrator.contracts.paths import PathList
from tests.unit.discovery.trees import context
from workers.discovery.finding import DiscoveryError, Found, Listing, Trouble
from workers.discovery.listing import listing

Row = tuple[bytes, bytes]
"""A path, or what is wrong with a line; and the cursor behind it."""


def read(root: Path, *lists: str, cursor: bytes | None = None, **options: Any) -> list[Row]:
    rows: list[Row] = []
    start = PathList([os.fsencode(root / name) for name in lists])
    for finding in listing(context(os.fsencode(root)), start, cursor, **options):
        if isinstance(finding, Listing):
            rows += [(name, finding.cursor(n + 1)) for n, name in enumerate(finding.names)]
        elif isinstance(finding, Trouble):
            name, number = finding.path.rsplit(b":", 1)
            assert f"line {int(number)} " in finding.message
            rows.append((os.path.basename(name) + b":" + number + b" " + finding.message.encode(), finding.cursor))
        else:
            assert not isinstance(finding, Found)
    return rows


def paths(rows: list[Row]) -> list[bytes]:
    return [path for path, _ in rows]


TEXT = b"\xef\xbb\xbf/a\n\n/b c\r\nrelative\n/\xff\xfe\nbad\0one\n" + b"x" * LONGEST_LINE * 3 + b'\n"/d",e\n/last'
CSV = b'n,path\n1,/a\n2,"/b, ""c"""\n\n3,"/two\nlines"\n4\n5,/\xff\n6,\n7,"' + b"y" * 200_000 + b'"\n8,/z'
JSON = b"\n".join([
    b'"/a"', b'{"path": "/b", "size": 3, "state": "modified", "more": [1]}', b"", b'{"path": 3}', b"{}", b"/c",
    b'{"path_b64": "' + base64.b64encode(b"/\xff") + b'"}', b'{"path": "/d", "size": -1}', b'"\\ud800"', b'"\\u0000"',
    b'{"path": "/e\\u00e9"}', b"[" * 100_000, b'"/z"',
])  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("list", TEXT, [b"/a", b"/b c", b"relative", b"/\xff\xfe", b"list:6 line 6 the path contains a NUL character",
                        b"list:7 line 7 is longer than 262144 bytes", b'"/d",e', b"/last"]),
        ("list.csv", CSV, [b"/a", b'/b, "c"', b"/two\nlines",
                           b"list.csv:7 line 7 has 1 columns, and the path is in column 2",
                           b"/\xff", b"list.csv:9 line 9 the path is empty",
                           b"list.csv:10 line 10 is no row: field larger than field limit (131072)", b"/z"]),
        ("list.jsonl", JSON, [b"/a", b"/b", b"list.jsonl:4 line 4 path has to be a text",
                              b"list.jsonl:5 line 5 has neither path nor path_b64", b"list.jsonl:6", b"/\xff",
                              b"list.jsonl:8 line 8 size has to be a whole number of bytes, 0 or more",
                              b"list.jsonl:9", b"list.jsonl:10 line 10 the path contains a NUL character",
                              "/eé".encode(), b"list.jsonl:12", b"/z"]),
    ],
    ids=["text", "csv", "jsonl"],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_each_line_is_a_path_or_said_to_be_none_and_any_is_a_place_to_go_on_from(
    tmp_path: Path, name: str, content: bytes, expected: list[bytes], *, packed: bool
) -> None:
    if packed:
        name, content = name + ".gz", gzip.compress(content)
        expected = [said.replace(b":", b".gz:", 1) if said.startswith(b"list") else said for said in expected]
    (tmp_path / name).write_bytes(content)
    rows = read(tmp_path, name)
    found = paths(rows)
    assert len(found) == len(expected)
    assert all(path.startswith(start) for path, start in zip(found, expected, strict=True)), found
    for place, (_, cursor) in enumerate(rows):
        assert paths(read(tmp_path, name, cursor=cursor)) == found[place + 1 :]


def test_states_and_sizes_come_along(tmp_path: Path) -> None:
    (tmp_path / "l.ndjson").write_bytes(b'{"path": "/a", "size": 3, "state": "modified"}\n"/b"')
    [found] = listing(context(os.fsencode(tmp_path)), PathList([os.fsencode(tmp_path / "l.ndjson")]), None)
    assert isinstance(found, Listing)
    assert (list(found.states), list(found.sizes)) == (["modified", None], [3, None])


def test_several_lists_are_read_in_order_and_kinds_are_looked_up(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "1").write_text(f"{tmp_path}/d\n{tmp_path}/1\n{tmp_path}/nothing\n")
    (tmp_path / "2.csv").write_text("/x\n", "ascii")
    start = PathList([os.fsencode(tmp_path / "1"), os.fsencode(tmp_path / "2.csv")])
    found = [one for one in listing(context(os.fsencode(tmp_path)), start, None, column=1) if isinstance(one, Listing)]
    assert [one.kinds for one in found] == ["df?", "?"]
    assert read(tmp_path, "1", "2.csv", cursor=found[0].cursor(3), column=1)[0][0] == b"/x"


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        (b"/a\n/b\0/c\0\0/d", {"null": True}, [b"/a\n/b", b"/c", b"/d"]),
        (b"a;b\n/1;/2\n", {"format": "csv", "delimiter": ";", "column": "b"}, [b"/2"]),
        (b"a;b\n/1;/2\n", {"format": "csv", "delimiter": ";", "column": 1}, [b"a", b"/1"]),
        (b"a;b\n/1;/2\n", {"format": "csv", "delimiter": ";", "column": 1, "header": True}, [b"/1"]),
        (b'{"file": "/1"}', {"format": "jsonl", "key": "file"}, [b"/1"]),
        (b"a/b\n/c\ns3://d/e\n", {"base": "/data/"}, [b"/data/a/b", b"/c", b"s3://d/e"]),
        (b"", {}, []),
    ],
)
def test_its_options(tmp_path: Path, content: bytes, options: dict[str, Any], expected: list[bytes]) -> None:
    (tmp_path / "list").write_bytes(content)
    assert paths(read(tmp_path, "list", **options)) == expected


def test_what_can_be_no_list_breaks_the_walk(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/cut.gz").write_bytes(gzip.compress(os.urandom(1000))[:-200])
    (tmp_path / "in/no.csv").write_text("a,b\n")
    os.mkfifo(tmp_path / "in/pipe")
    (tmp_path / "outside").write_text("/a")
    cases = {"gone": "No such file", "../outside": "outside the roots", "pipe": "is no file",
             "cut.gz": "reading failed", "no.csv": "has no column 'path': it has a, b"}  # fmt: skip
    for name, reason in cases.items():
        with pytest.raises(DiscoveryError, match=reason):
            read(tmp_path / "in", name)


def test_a_list_that_has_changed_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[listing.__module__], "_CHUNK", 1)
    (tmp_path / "list").write_text("/a\n/b\n")
    (_, cursor), _ = read(tmp_path, "list")
    (tmp_path / "list").write_text("/x\n/y\n/z\n")
    with pytest.raises(DiscoveryError, match="was changed while it was read"):
        read(tmp_path, "list", cursor=cursor)
