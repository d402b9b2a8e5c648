"""The recursive walk over real folders: every name, every kind, and nothing beyond."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.contracts.paths import PathList
from tests.unit.discovery.trees import Tree, Walked, build, content, context, on_disk, walked
from workers.discovery import folder as reading
from workers.discovery.finding import ALIVE, DiscoveryError, Finding, Listing, Trouble
from workers.discovery.recursive import recursive
from workers.discovery.way import HELD_OPEN

HOSTILE = [
    b"with space", b" ", b"tab\there", b"line\nbreak", b"quote'\"`", b"-rf", b"*", b"$(touch x)", b"\\", b"...", b"%s",
    "\N{GRINNING FACE}".encode(), "e\N{COMBINING ACUTE ACCENT}".encode(),
    "\N{LATIN SMALL LETTER E WITH ACUTE}".encode(),
    b"\xff\xfe", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\x01\x7f", b"\r", b"a" * 255, b"\xff" * 255, b"=cmd", b"<b>",
]  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    return os.fsencode(tmp_path)


@pytest.fixture
def open_folder() -> Iterator[bytes]:
    """A folder that another user can reach as well."""
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o755)  # noqa: S103
    yield os.fsencode(folder)
    shutil.rmtree(folder)


def test_any_name_comes_through_unharmed(root: bytes) -> None:
    tree: Tree = {name: dict.fromkeys(HOSTILE) for name in HOSTILE}
    build(root, tree)
    assert dict(walked(context(root), root).paths) == on_disk(root) == dict(content(root, tree))


def test_names_come_sorted_as_bytes_and_a_folder_before_what_is_in_it(root: bytes) -> None:
    build(root, {b"b": {b"2": None, b"1": {b"x": None}}, b"\xff": None, b"a": {}, b"\xc3\xa9": None, b"B": None})
    names = [path.removeprefix(root + b"/") for path in walked(context(root), root).names]
    assert names == [b"B", b"a", b"b", b"\xc3\xa9", b"\xff", b"b/1", b"b/2", b"b/1/x"]


def test_links_are_reported_and_never_followed(root: bytes) -> None:
    build(root, {b"in": {b"file": None}, b"out": {b"secret": None}})
    inside = root + b"/in"
    links = {b"out": b"../out", b"up": b"..", b"self": b"self", b"none": b"missing", b"file2": b"file"}
    for name, target in links.items():
        os.symlink(target, inside + b"/" + name)
    found = dict(walked(context(inside), inside).paths)
    assert found == {inside + b"/" + name: "l" for name in links} | {inside + b"/file": "f"}


def test_pipes_and_sockets_are_other_things(root: bytes) -> None:
    os.mkfifo(root + b"/pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fsdecode(root) + "/socket")
        assert walked(context(root), root).paths == [(root + b"/pipe", "o"), (root + b"/socket", "o")]


def test_a_start_that_is_a_file_gives_that_file_and_its_folder_as_base(root: bytes) -> None:
    build(root, {b"file": None})
    os.symlink(b"nowhere", root + b"/link")
    whole = walked(context(root), root + b"/file", root + b"/link")
    assert whole.paths == [(root + b"/file", "f"), (root + b"/link", "l")]
    assert whole.bases == {root}


def test_a_start_that_is_a_link_to_a_folder_inside_is_followed(root: bytes) -> None:
    build(root, {b"real": {b"file": None}})
    os.symlink(b"real", root + b"/link")
    whole = walked(context(root), root + b"/link")
    assert whole.paths == [(root + b"/link/file", "f")]
    assert whole.bases == {root + b"/link"}


@pytest.mark.parametrize("slashes", [b"", b"/", b"//"])
def test_slashes_behind_a_start_change_nothing(root: bytes, slashes: bytes) -> None:
    build(root, {b"file": None})
    assert walked(context(root), root + slashes).paths == [(root + b"/file", "f")]


def test_a_start_outside_or_leading_outside_breaks_the_walk_and_names_the_roots(root: bytes) -> None:
    build(root, {b"in": {}, b"out": {b"secret": None}})
    os.symlink(b"../out", root + b"/in/link")
    ctx = context(root + b"/in")
    for start in (root + b"/out", root + b"/in/../out", b"relative", b"/", root + b"/in/link"):
        with pytest.raises(DiscoveryError) as refused:
            walked(ctx, start)
        assert os.fsdecode(start) in str(refused.value)
    with pytest.raises(DiscoveryError, match=re.escape(os.fsdecode(root + b"/in") + ")")):
        walked(ctx, root + b"/out")


def test_a_start_that_is_missing_breaks_the_walk_unless_it_may_be(root: bytes) -> None:
    build(root, {b"file": None, b"folder": {b"x": None}})
    for start in (root + b"/missing", root + b"/file/below"):
        with pytest.raises(DiscoveryError, match="there is nothing there"):
            walked(context(root), start)
        assert walked(context(root), start, root + b"/folder", skip_missing=True).names == [root + b"/folder/x"]


def test_names_deeper_than_any_path_may_be_are_found_and_gone_on_from(root: bytes) -> None:
    depth = HELD_OPEN * 3
    tree: Tree = {b"end": None}
    for level in range(depth):
        tree = {b"d" * 100: tree, b"e%d" % level: {b"leaf": None}}
    build(root, tree)
    whole = walked(context(root), root)
    assert max(map(len, whole.names)) > 2 * 4096
    assert sorted(whole.paths) == sorted(content(root, tree))
    assert not whole.troubles
    for cursor, count in whole.cursors[:: len(whole.cursors) // 7]:
        assert walked(context(root), root, cursor=cursor).paths == whole.paths[count:]


def test_a_deep_folder_that_is_moved_away_costs_only_what_was_above_it(root: bytes) -> None:
    tree: Tree = {b"end": None}
    for level in reversed(range(HELD_OPEN * 2)):
        tree = {b"d": tree, b"z%02d" % level: {b"leaf": None}}
    build(root, {b"top": tree, b"other": {b"x": None}})

    def move(finding: Finding, so_far: Walked) -> None:
        if isinstance(finding, Listing) and so_far.names[-1].endswith(b"/end"):
            os.rename(root + b"/top/d/d/d", root + b"/other/moved")

    whole = walked(context(root), root, before=move)
    # From z03 down they were reached by way of the folder that was moved; z00 to z02 by their own.
    leaves = {path.split(b"/")[-2] for path in whole.names if path.endswith(b"/leaf")}
    assert {b"z00", b"z01", b"z02"} <= leaves
    assert len(leaves) + len(whole.troubles) >= HELD_OPEN
    assert whole.names.count(root + b"/other/x") == 1


def test_a_folder_that_vanishes_or_becomes_a_link_is_a_trouble_and_the_rest_is_found(root: bytes) -> None:
    build(root, {b"a": {b"x": None}, b"b": {b"x": None}, b"c": {b"x": None}, b"secret": {b"s": None}})
    inside = root + b"/walked"
    build(root, {b"walked": {b"a": {b"x": None}, b"b": {b"x": None}, b"c": {b"x": None}}})

    def meddle(finding: Finding, so_far: Walked) -> None:
        if isinstance(finding, Listing) and so_far.names[-1] == inside + b"/c":
            shutil.rmtree(inside + b"/a")
            shutil.rmtree(inside + b"/b")
            os.symlink(root + b"/secret", inside + b"/b")

    whole = walked(context(root), inside, before=meddle)
    assert whole.names == [inside + b"/a", inside + b"/b", inside + b"/c", inside + b"/c/x"]
    assert [(path, error_class) for path, _, error_class in whole.troubles] == [
        (inside + b"/a", "FileNotFoundError"),
        (inside + b"/b", "NotADirectoryError"),
    ]


def test_a_start_that_vanishes_while_it_is_walked_ends_the_walk_with_troubles(root: bytes) -> None:
    build(root, {b"start": {b"a": {}, b"b": {}}})
    whole = walked(context(root), root + b"/start", before=lambda found, _: shutil.rmtree(root + b"/start", True))
    assert [path for path, _, _ in whole.troubles] == [root + b"/start/a", root + b"/start/b"]


def test_unreadable_folders_are_troubles_and_an_unreadable_start_breaks(open_folder: bytes) -> None:
    build(open_folder, {b"open": {b"x": None}, b"shut": {b"y": None}, b"blind": {b"z": {}}})
    os.chmod(open_folder + b"/shut", 0)
    os.chmod(open_folder + b"/blind", 0o444)
    user = os.geteuid()
    os.seteuid(user or 65534)
    try:
        whole = walked(context(open_folder), open_folder)
        with pytest.raises(DiscoveryError, match="shut: can not be read: Permission denied"):
            walked(context(open_folder), open_folder + b"/shut")
    finally:
        os.seteuid(user)
        os.chmod(open_folder + b"/shut", 0o700)
        os.chmod(open_folder + b"/blind", 0o700)
    assert (open_folder + b"/open/x", "f") in whole.paths
    assert (open_folder + b"/shut", "Permission denied", "PermissionError") in whole.troubles
    assert (open_folder + b"/blind/z", "Permission denied", "PermissionError") in whole.troubles


def test_a_large_folder_gives_signs_of_life_and_comes_whole(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK", 10)
    build(root, {b"%03d" % number: None for number in range(95)})
    seen: list[Finding] = []
    whole = walked(context(root), root, before=lambda finding, _: seen.append(finding))
    assert seen.count(ALIVE) == 9
    assert [len(finding.names) for finding in seen if isinstance(finding, Listing)] == [95]
    assert len(set(whole.names)) == 95


def test_no_descriptor_is_left_open_when_a_walk_is_broken_off(root: bytes) -> None:
    build(root, {b"a": {b"b": {b"c": {b"d": None}}}})
    before = len(os.listdir("/proc/self/fd"))
    walked(context(root), root, before=lambda found, so_far: so_far.names[-1].endswith(b"/c"))
    assert len(os.listdir("/proc/self/fd")) == before


LOOP = """
import sys
from tests.unit.discovery.trees import context, walked
base, *start = [part.encode() for part in sys.argv[1:]]
found = walked(context(base), *(start or [base]), base=base if start else b"")
print(len(found.paths), found.troubles)
"""


@pytest.mark.parametrize("start", [[], ["/a"]])
def test_a_loop_of_mounts_ends(root: bytes, start: list[str]) -> None:
    build(root, {b"a": {b"loop": {}, b"x": None}})
    base = os.fsdecode(root)
    mounts = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        'mount --bind "$0" "$0/a/loop" && exec "$@"',
    ]
    if subprocess.run([*mounts, base, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let us mount")
    starts = [base + path for path in start]
    ran = subprocess.run(
        [*mounts, base, sys.executable, "-c", LOOP, base, *starts], capture_output=True, text=True, check=True
    )
    count, troubles = ran.stdout.split(" ", 1)
    assert int(count) == (2 if start else 3)
    assert "loop" in troubles
    assert "FolderLoopError" in troubles


def test_one_bad_start_of_several_breaks_the_walk_when_the_others_are_done(root: bytes) -> None:
    build(root, {b"a": {b"x": None}, b"b": {b"y": None}})
    starts = PathList([root + b"/a", root + b"/missing", root + b"/b"])
    names: list[bytes] = []
    cursors: list[bytes] = []
    troubles: list[bytes] = []

    def go(cursor: bytes | None) -> None:
        for item in recursive(context(root), starts, cursor):
            if isinstance(item, Listing):
                names.extend(item.names)
                cursors.append(item.cursor(len(item.names)))
            elif isinstance(item, Trouble):
                troubles.append(item.path)
                cursors.append(item.cursor)

    with pytest.raises(DiscoveryError, match="missing: there is nothing there"):
        go(None)
    assert (names, troubles) == ([b"x", b"y"], [root + b"/missing"])
    for cursor in cursors:
        with pytest.raises(DiscoveryError, match="missing: there is nothing there"):
            go(cursor)
