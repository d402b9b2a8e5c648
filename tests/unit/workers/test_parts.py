"""What a copy leaves behind, and what the next one makes of it: killed, in use, planted, on a full disk."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any

import pytest

from orchestrator.stack.wait import wait_until
from tests.unit.workers.files import LONGEST, read, run, write
from workers import renaming
from workers.actions import copying
from workers.actions.part import part_of
from workers.testing import Result

MIB = 1024 * 1024


@pytest.fixture
def root(tmp_path: File) -> bytes:
    root = os.fsencode(tmp_path) + b"/root"
    os.makedirs(root + b"/src")
    os.makedirs(root + b"/dst")
    return root


@pytest.fixture
def folder(root: bytes) -> Iterator[int]:
    fd = os.open(root + b"/dst", os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def copy(root: bytes, paths: list[bytes], into: bytes = b"/dst", **params: Any) -> Result:
    options = {key: params.pop(key) for key in ("attempt", "roots") if key in params}
    return run("fs.copy", paths, root, params={"destination": os.fsdecode(root + into), **params}, **options)


def part_name(folder: int, name: bytes = b"f") -> bytes:
    """What a copy to this name is called while it is made."""
    with part_of(name, folder):
        return next(one for one in os.listdir(os.fsencode(f"/proc/self/fd/{folder}")) if one.endswith(b".part"))


CONTENT = b"".join(bytes([number]) * (MIB // 2) for number in range(10))


@pytest.mark.parametrize(
    "left",
    [
        b"",
        CONTENT[:MIB],
        CONTENT[: 3 * MIB + 7],
        CONTENT,
        CONTENT + b"more",
        b"x" * MIB,
        CONTENT[:MIB] + b"\0" * MIB * 9,
    ],
    ids=["nothing", "a chunk", "chunks and a bit", "all", "more", "another's", "holes"],
)
def test_a_copy_goes_on_where_another_was_killed(root: bytes, folder: int, left: bytes) -> None:
    ours = write(root + b"/src/f", CONTENT)
    write(root + b"/dst/" + part_name(folder), left)
    assert copy(root, [ours], verify=True).state == "Success"
    assert os.listdir(root + b"/dst") == [b"f"]
    assert read(root + b"/dst/f") == CONTENT


def test_what_is_right_already_is_not_written_again(root: bytes, folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    plain = copying.write_all

    def counted(out: Any, content: bytes) -> None:
        written.append(len(content))
        plain(out, content)

    monkeypatch.setattr(copying, "write_all", counted)
    ours = write(root + b"/src/f", CONTENT)
    write(root + b"/dst/" + part_name(folder), CONTENT[: 3 * MIB + 7])
    assert copy(root, [ours]).state == "Success"
    assert sum(written) == len(CONTENT) - 3 * MIB
    assert read(root + b"/dst/f") == CONTENT


def test_two_copies_to_one_place_do_not_mix(root: bytes, folder: int) -> None:
    ours = write(root + b"/src/f", CONTENT)
    name = part_name(folder)
    theirs = write(root + b"/dst/" + name, b"theirs")
    with open(theirs, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert copy(root, [ours]).state == "Success"
        assert read(theirs) == b"theirs"
    assert sorted(os.listdir(root + b"/dst")) == [name, b"f"]


def test_a_part_that_is_a_second_name_of_a_file_is_not_written_to(root: bytes, folder: int) -> None:
    """Killed between the two steps of a file system that can not rename without replacing."""
    ours = write(root + b"/src/f", CONTENT)
    name = part_name(folder)
    write(root + b"/dst/f", b"a copy of before")
    os.link(root + b"/dst/f", root + b"/dst/other")
    os.link(root + b"/dst/f", root + b"/dst/" + name)
    assert copy(root, [ours], overwrite="always").state == "Success"
    assert read(root + b"/dst/f") == CONTENT
    assert read(root + b"/dst/other") == b"a copy of before"
    assert sorted(os.listdir(root + b"/dst")) == [b"f", b"other"]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_was_planted_in_a_parts_place_is_let_be(root: bytes, folder: int, tmp_path: File, kind: str) -> None:
    ours = write(root + b"/src/f", CONTENT)
    outside = tmp_path / "outside"
    outside.write_bytes(b"theirs")
    name = root + b"/dst/" + part_name(folder)
    {"link": lambda: os.symlink(outside, name), "pipe": lambda: os.mkfifo(name), "folder": lambda: os.mkdir(name)}[
        kind
    ]()
    assert copy(root, [ours]).state == "Success"
    assert read(root + b"/dst/f") == CONTENT
    assert not os.path.islink(root + b"/dst/f")
    assert outside.read_bytes() == b"theirs"


def test_where_nothing_can_be_renamed_without_replacing(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = write(root + b"/src/f", CONTENT)
    monkeypatch.setattr(renaming, "_renameat2", None)
    assert list(copy(root, [ours]).outcomes.values()) == ["processed"]
    assert list(copy(root, [ours]).outcomes.values()) == ["skipped"]
    assert os.listdir(root + b"/dst") == [b"f"]

    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(renaming.os, "link", refused)
    os.unlink(root + b"/dst/f")
    assert list(copy(root, [ours]).outcomes.values()) == ["processed"]
    assert list(copy(root, [ours]).outcomes.values()) == ["skipped"]
    assert os.listdir(root + b"/dst") == [b"f"]


SLOW = """
import sys, time
from workers.actions import copying
plain = copying.write_all
def slow(out, content):
    plain(out, content)
    print("wrote", flush=True)
    time.sleep(3600)
copying.write_all = slow
from workers.testing import run_action
run_action("fs.copy", [sys.argv[1] + "/src/f"], params={"destination": sys.argv[1] + "/dst"}, roots=[sys.argv[1]])
"""


def test_a_kill_in_the_middle_leaves_no_half_file(root: bytes) -> None:
    ours = write(root + b"/src/f", CONTENT)
    process = subprocess.Popen([sys.executable, "-c", SLOW, os.fsdecode(root)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"wrote\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    (left,) = os.listdir(root + b"/dst")
    assert left.endswith(b".part")
    assert read(root + b"/dst/" + left) == CONTENT[:MIB]
    assert copy(root, [ours], attempt=2).state == "Success"
    assert os.listdir(root + b"/dst") == [b"f"]
    assert read(root + b"/dst/f") == CONTENT


@pytest.fixture
def small_disk() -> Iterator[bytes]:
    """A file system of 2 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount one")
    folder = tempfile.mkdtemp()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], check=False, capture_output=True)
    if made.returncode:
        os.rmdir(folder)
        pytest.skip("nothing can be mounted here")
    try:
        yield os.fsencode(folder)
    finally:
        subprocess.run(["umount", folder], check=True)
        wait_until(lambda: not os.path.ismount(folder), 5)
        os.rmdir(folder)


@pytest.mark.parametrize("action", ["fs.copy", "fs.move"])
def test_a_full_disk_fails_the_path_and_leaves_nothing(root: bytes, small_disk: bytes, action: str) -> None:
    paths = [write(root + b"/src/big", CONTENT), write(root + b"/src/" + LONGEST, b"small")]
    params = {"destination": os.fsdecode(small_disk + b"/in")}
    result = run(action, paths, root, params=params, roots=[root, small_disk])
    assert list(result.outcomes.values()) == ["failed", "processed"]
    assert next(iter(result.messages.values())) == "No space left on device"
    assert os.listdir(small_disk + b"/in") == [LONGEST]
    assert read(paths[0]) == CONTENT
