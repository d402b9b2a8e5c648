"""fs.move, fs.delete and fs.follow: nothing is lost, nothing outside is touched, nothing is left half done."""

import itertools
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path as File
from typing import Any

import pytest

from tests.unit.workers.files import HOSTILE, LONGEST, read, run, tree, write
from workers.testing import Result, run_action


@pytest.fixture
def root(tmp_path: File) -> bytes:
    root = os.fsencode(tmp_path) + b"/root"
    os.makedirs(root + b"/src")
    return root


@pytest.fixture
def hostile(root: bytes) -> list[bytes]:
    paths = [root + b"/src/deep/" + name for name in (*HOSTILE, LONGEST)]
    for number, path in enumerate(paths):
        write(path, b"content %d" % number, 10**18 + number)
    return paths


def move(root: bytes, paths: list[bytes], into: bytes = b"/dst", **params: Any) -> Result:
    options = {key: params.pop(key) for key in ("attempt", "kinds", "roots") if key in params}
    return run("fs.move", paths, root, params={"destination": os.fsdecode(root + into), **params}, **options)


def test_move(root: bytes, hostile: list[bytes]) -> None:
    before = tree(root + b"/src")
    result = move(root, hostile)
    assert result.state == "Success"
    assert tree(root + b"/dst") == before
    assert tree(root + b"/src") == {b"deep": None}
    assert result.renamed == {os.fsdecode(path): os.fsdecode(path.replace(b"/src/", b"/dst/")) for path in hostile}
    assert os.stat(hostile[3].replace(b"/src/", b"/dst/")).st_mtime_ns == 10**18 + 3


def test_what_has_moved_keeps_its_place_in_the_tree(root: bytes) -> None:
    ours = write(root + b"/src/a/b/f", b"ours")
    first = move(root, [ours])
    (moved,) = first.renamed.values()
    notes = {0: first.notes[os.fsdecode(ours)]}
    params = {"destination": os.fsdecode(root + b"/new")}
    assert run("fs.move", [os.fsencode(moved)], root, params=params, notes=notes).state == "Success"
    assert read(root + b"/new/a/b/f") == b"ours"


def test_move_over_what_is_there(root: bytes) -> None:
    for overwrite, theirs, outcome in (
        ("never", 100, "skipped"),
        ("older", 100, "processed"),
        ("older", 900, "skipped"),
        ("always", 900, "processed"),
    ):
        ours = write(root + b"/src/f", b"ours", 500)
        write(root + b"/dst/f", b"theirs", theirs)
        result = move(root, [ours], overwrite=overwrite)
        assert list(result.outcomes.values()) == [outcome]
        assert read(root + b"/dst/f") == (b"ours" if outcome == "processed" else b"theirs")
        assert os.path.exists(ours) == (outcome == "skipped")


def test_a_second_attempt_finds_what_the_first_has_moved(root: bytes) -> None:
    ours = write(root + b"/src/f", b"ours")
    assert move(root, [ours]).state == "Success"
    assert list(move(root, [ours], kinds="f").outcomes.values()) == ["aborted"]
    again = move(root, [ours], kinds="f", attempt=2)
    assert list(again.outcomes.values()) == ["processed"]
    assert again.renamed == {os.fsdecode(ours): os.fsdecode(root + b"/dst/f")}


def test_folders_move_only_when_asked(root: bytes) -> None:
    write(root + b"/src/a/b/f", b"ours")
    assert list(move(root, [root + b"/src/a"]).messages.values()) == ["is a folder, not a regular file"]
    assert move(root, [root + b"/src/a"], folders=True).state == "Success"
    assert tree(root + b"/dst") == {b"a": None, b"a/b": None, b"a/b/f": b"ours"}
    write(root + b"/src/a/b/f", b"new")
    assert list(move(root, [root + b"/src/a"], folders=True).outcomes.values()) == ["skipped"]


def test_links_move_as_links_and_lead_nobody_out(root: bytes, tmp_path: File) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "theirs").write_bytes(b"theirs")
    os.symlink(outside, root + b"/src/out")
    assert move(root, [root + b"/src/out"]).state == "Success"
    assert os.readlink(root + b"/dst/out") == os.fsencode(outside)
    through = move(root, [root + b"/dst/out/theirs"], b"/new")
    assert "leads outside the roots" in next(iter(through.messages.values()))
    ours = write(root + b"/src/f", b"ours")
    into = move(root, [ours], b"/dst/out")
    assert into.error is not None
    assert into.error.error_class == "OutsideRoots"
    assert sorted(os.listdir(outside)) == ["theirs"]


@pytest.fixture
def other_device(root: bytes) -> Iterator[bytes]:
    """A folder in another file system."""
    folder = tempfile.mkdtemp(dir="/dev/shm")
    try:
        if os.stat(folder).st_dev == os.stat(root).st_dev:
            pytest.skip("/dev/shm is no file system of its own here")
        yield os.fsencode(folder)
    finally:
        shutil.rmtree(folder)


def test_move_to_another_file_system(root: bytes, hostile: list[bytes], other_device: bytes) -> None:
    os.symlink(b"plain.tif", root + b"/src/deep/link")
    before = tree(root + b"/src")
    params = {"destination": os.fsdecode(other_device), "sync": True}
    paths = [*hostile, root + b"/src/deep/link"]
    result = run("fs.move", paths, root, params=params, roots=[root, other_device])
    assert result.messages == {}
    assert tree(other_device) == before
    assert tree(root + b"/src") == {b"deep": None}
    # One that was killed between the copy and the removal.
    write(hostile[0], b"content 0", 10**18)
    again = run("fs.move", hostile[:1], root, params=params, roots=[root, other_device], attempt=2)
    assert again.state == "Success"
    assert not os.path.exists(hostile[0])
    # The same size and time do not make the same file: nothing may be lost.
    write(hostile[0], b"another 0", 10**18)
    other = run("fs.move", hostile[:1], root, params=params, roots=[root, other_device], attempt=2)
    assert list(other.outcomes.values()) == ["failed"]
    assert read(hostile[0]) == b"another 0"
    os.makedirs(root + b"/src/folder")
    folder = run(
        "fs.move", [root + b"/src/folder"], root, params={**params, "folders": True}, roots=[root, other_device]
    )
    assert "a folder is not moved to another file system" in next(iter(folder.messages.values()))


def delete(root: bytes, paths: list[bytes], **params: Any) -> Result:
    options = {key: params.pop(key) for key in ("attempt", "kinds", "roots", "notes") if key in params}
    return run("fs.delete", paths, root, params=params, **options)


def test_delete(root: bytes, hostile: list[bytes], tmp_path: File) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"theirs")
    os.symlink(outside, root + b"/src/deep/out")
    result = delete(root, [*hostile, root + b"/src/deep/out"])
    assert result.state == "Success"
    assert tree(root) == {b"src": None, b"src/deep": None}
    assert outside.read_bytes() == b"theirs"


def test_delete_what_is_gone(root: bytes) -> None:
    paths = [root + b"/src/seen", root + b"/src/never"]
    first = delete(root, paths, kinds="f?")
    assert list(first.outcomes.values()) == ["skipped", "failed"]
    assert first.passed == [os.fsdecode(paths[0])]
    assert list(delete(root, paths, kinds="f?", attempt=2).outcomes.values()) == ["processed", "processed"]


def test_folders_are_deleted_only_when_asked(root: bytes, tmp_path: File) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "theirs").write_bytes(b"theirs")
    for place in (b"/src/a/b/f", b"/src/a/\xff/" + LONGEST, b"/src/a/c/d/e/g"):
        write(root + place, b"ours")
    os.symlink(outside, root + b"/src/a/b/out")
    os.makedirs(root + b"/src/empty")
    paths = [root + b"/src/a", root + b"/src/empty"]
    assert set(delete(root, paths).outcomes.values()) == {"failed"}
    assert list(delete(root, paths, folders="empty").outcomes.values()) == ["skipped", "processed"]
    assert delete(root, paths[:1], folders="tree").state == "Success"
    assert tree(root) == {b"src": None}
    assert (outside / "deep" / "theirs").read_bytes() == b"theirs"


def test_no_root_is_deleted(root: bytes) -> None:
    inner = root + b"/src/inner"
    write(inner + b"/f", b"ours")
    for path in (root, root + b"/src", inner):
        result = run_action("fs.delete", [path], params={"folders": "tree"}, roots=[root, inner])
        assert list(result.outcomes.values()) == ["failed"], path
    assert read(inner + b"/f") == b"ours"


@pytest.mark.parametrize("action", ["fs.delete", "fs.move"])
def test_paths_outside_the_roots_stay(root: bytes, tmp_path: File, action: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "theirs").write_bytes(b"theirs")
    os.symlink(outside, root + b"/src/out")
    paths = [os.fsencode(outside / "theirs"), root + b"/src/out/theirs", root + b"/src/../../outside/theirs"]
    params = {"destination": os.fsdecode(root + b"/dst")} if action == "fs.move" else {"folders": "tree"}
    result = run(action, paths, root, params=params)
    assert set(result.outcomes.values()) == {"failed"}
    assert all("outside the roots" in said for said in result.messages.values())
    assert (outside / "theirs").read_bytes() == b"theirs"


def follow(root: bytes, paths: list[bytes], was: Mapping[int, object], **options: Any) -> Result:
    notes = {place: {"moved_from": old} for place, old in was.items()}
    return run("fs.follow", paths, root, params={"destination": os.fsdecode(root + b"/dst")}, notes=notes, **options)


def test_follow_moves_and_does_not_copy(root: bytes) -> None:
    new = write(root + b"/src/new/f", b"ours", 500)
    there = write(root + b"/dst/old/sub/f", b"ours", 500)
    inode = os.stat(there).st_ino
    result = follow(root, [new], {0: os.fsdecode(root + b"/src/old/sub/f")})
    assert result.state == "Success"
    assert os.stat(root + b"/dst/new/f").st_ino == inode
    # The folders that were left empty went along; the tree has them no more.
    assert tree(root + b"/dst") == {b"new": None, b"new/f": b"ours"}


def test_follow_copies_where_nothing_alike_is(root: bytes) -> None:
    new = write(root + b"/src/new", b"ours", 500)
    for old_content, time in ((b"else", 400), (None, 0)):
        if old_content:
            write(root + b"/dst/old", old_content, time)
        assert follow(root, [new], {0: os.fsdecode(root + b"/src/old")}).state == "Success"
        assert tree(root + b"/dst") == {b"new": b"ours"}


def test_logs_that_are_rotated_keep_their_content_in_any_order(root: bytes) -> None:
    """What is in the place that a file has left belongs to another path now, whoever comes first."""
    for order in itertools.permutations(range(3)):
        for name, content, time in ((b"log", b"one", 1), (b"log.1", b"two", 2), (b"log.2", b"three", 3)):
            write(root + b"/dst/" + name, content, time)
        paths = [
            write(root + b"/src/log", b"zero", 9),
            write(root + b"/src/log.1", b"one", 1),
            write(root + b"/src/log.2", b"two", 2),
        ]
        was = {1: os.fsdecode(root + b"/src/log"), 2: os.fsdecode(root + b"/src/log.1")}
        for place in order:
            moved = {0: was[place]} if place in was else {}
            assert follow(root, [paths[place]], moved).state == "Success"
        assert tree(root + b"/dst") == {b"log": b"zero", b"log.1": b"one", b"log.2": b"two"}


def test_a_mirror_loses_what_its_tree_has_lost(root: bytes) -> None:
    for place in (b"a/b/f", b"a/b/g", b"keep/f"):
        write(root + b"/dst/" + place, b"ours")
    write(root + b"/src/keep/new", b"new")
    paths = [root + b"/src/" + place for place in (b"a", b"a/b", b"a/b/f", b"a/b/g", b"keep/f", b"never")]
    mirror = {"mirror": os.fsdecode(root + b"/dst"), "folders": "empty"}
    result = delete(root, paths, kinds="ddffff", **mirror)
    assert result.messages == {}
    assert tree(root + b"/dst") == {b"keep": None}
    again = write(root + b"/src/again", b"new")
    write(root + b"/dst/again", b"old")
    assert list(delete(root, [again], **mirror).messages.values()) == ["is there again, so its counterpart stays"]


def test_a_folder_is_copied_when_asked(root: bytes) -> None:
    folder = root + b"/src/a/\xff"
    os.makedirs(folder)
    os.chmod(folder, 0o700)
    params = {"destination": os.fsdecode(root + b"/dst"), "folders": True, "overwrite": "always"}
    write(root + b"/dst/a/\xff", b"a file")
    for _ in range(2):
        assert run("fs.copy", [folder], root, params=params).state == "Success"
        assert stat.S_IMODE(os.stat(root + b"/dst/a/\xff").st_mode) == 0o700
