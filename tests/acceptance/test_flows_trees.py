"""Real trees through a whole stack: Python's own library, hostile names, copies, a tree that vanishes meanwhile."""

import os
import shutil
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.stack.wait import wait_until
from tests.acceptance.whole_stack import LIBRARY, Whole, given, make_files, raw

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("whole")]

HOSTILE = [
    b" ", b"  two  spaces  ", b"'", b'"', b"a'b\"c`d", b"\\", b"\\n", b"line\nbreak", b"\n", b"\t\r\x0b",
    b"\x1b[2J\x07", b"\x01", b"\x7f", b"-rf", b"--help", b"*", b"[a-z]?", b"...", b".hidden", b"~", b"$HOME",
    b"$(reboot)", b"%s%n", b"{}", b"a;b|c&d", "\N{GRINNING FACE}".encode(), "e\u0301 \u00e9".encode(),
    "\u202eright to left".encode(), "\u2028\ufeff".encode(), "\ufffd".encode(), b"\xff", b"\xfe\xff",
    b"ends in half a \xf0\x9f\x98", b"\xed\xa0\x80", b"\x80\n\xff '", b"n" * 255,
    "\N{GRINNING FACE}".encode() * 63, b"\xff" * 255,
]  # fmt: skip


def all_files(folder: bytes) -> Iterator[bytes]:
    """The files below, by descriptors: a path may be longer than what the system takes in one piece."""
    for below, _, names, _ in os.fwalk(folder):
        yield from (below + b"/" + name for name in names)


def make_deep(folder: Path, *, name: bytes, levels: int) -> bytes:
    """A file at the end of a path that is longer than PATH_MAX; the path."""
    fd = os.open(folder, os.O_DIRECTORY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=fd)
        fd, above = os.open(name, os.O_DIRECTORY, dir_fd=fd), fd
        os.close(above)
    os.close(os.open(b"deep.txt", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    return b"/".join([os.fsencode(folder), *[name] * levels, b"deep.txt"])


def test_a_real_tree(whole: Whole) -> None:
    workflow = whole.define(
        discovery="recursive",
        filter_rules=[
            {
                "type": "file",
                "exclude": ["*.pyc"],  # others may write these at any moment
                "batch_size": 200,
                "action": [{"name": "fs.checksum"}, {"name": "noop", "site": "paris"}],
            }
        ],
    )
    starts = [LIBRARY / name for name in os.listdir(LIBRARY) if name not in {"site-packages", "__pycache__"}]
    starts = [start for start in starts if start.is_dir() and not start.is_symlink()]
    job = whole.run(workflow, *starts, seconds=90)
    expected = {
        os.fsencode(path)
        for start in starts
        for path in start.rglob("*")
        if not path.name.endswith(".pyc") and stat.S_ISREG(path.lstat().st_mode)
    }
    assert len(expected) > 1000
    assert job["state"] == "Success"
    assert job["paths"]["processed"] == job["paths"]["total"] == len(expected)
    assert {path for path, (outcome, *_) in whole.outcomes(job["id"]).items() if outcome == "processed"} == expected
    first, second = whole.items(f"/jobs/{job['id']}/tasks", step=0), whole.items(f"/jobs/{job['id']}/tasks", step=1)
    assert sum(task["paths"]["given"] for task in first) == len(expected)
    assert sum(task["paths"]["processed"] for task in second) == len(expected)
    assert {task["site"] for task in second} == {"paris"}
    assert len(first) == len(second) == job["tasks"]["Success"] / 2


def test_any_name_comes_through_unharmed(whole: Whole, tmp_path: Path) -> None:
    tree = whole.folder()
    top = os.fsencode(tree)
    for number, name in enumerate(HOSTILE):
        folder = top + b"/" + (name if number % 2 else b".")
        os.makedirs(folder, exist_ok=True)
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(name)
    deep = make_deep(tree, name=b"d" * 240 + b" \xff\n", levels=18)
    assert len(deep) > 4096
    files = set(all_files(top))
    assert deep in files
    into = whole.more / tree.name
    workflow = whole.define(
        {"name": "fs.checksum"},
        {"name": "fs.copy", "site": "paris", "destination": str(into), "verify": True},
        {"name": "example.record", "folder": str(tmp_path)},
        batch_size=10,
    )
    job = whole.run(workflow, tree)
    assert job["state"] == "Success", whole.items(f"/jobs/{job['id']}/errors")
    assert job["paths"]["processed"] == len(files) == len(HOSTILE) + 1
    assert given(tmp_path) == dict.fromkeys(files, 1)
    assert {os.fsencode(into) + path[len(top) :] for path in files} == set(all_files(os.fsencode(into)))
    assert set(whole.outcomes(job["id"])) == files
    assert {raw(item) for item in whole.cli_json("paths", str(job["id"]), "--outcome", "processed")} == files
    shown = whole.cli("paths", str(job["id"]), "--outcome", "processed")
    assert not {"\x1b", "\x07", "\u202e", "\u2028"} & set(shown)
    as_given = whole.run(whole.define({"name": "fs.checksum"}, discovery=None), *files)
    assert (as_given["state"], as_given["paths"]["processed"]) == ("Success", len(files))


def test_a_copy_keeps_the_tree_and_is_whole_or_not_there(whole: Whole) -> None:
    tree = whole.folder()
    files = make_files(tree, ["a.txt", "b/c.txt", "b/d/e.txt"])
    large = tree / "b" / "large.bin"
    large.write_bytes(os.urandom(1 << 20) * 96)
    files[1].chmod(0o640)
    os.utime(files[2], ns=(1_000_000_001, 1_234_567_890_123_456_789))
    into = whole.more / tree.name
    copy = into / "b" / "large.bin"
    workflow = whole.define(
        {"name": "fs.copy", "site": "paris", "destination": str(into), "verify": True}, batch_size=2
    )
    job = whole.submit(workflow, tree)
    sizes: set[int] = set()

    def over() -> bool:
        if copy.exists():
            sizes.add(copy.stat().st_size)
        return whole.job(job)["state"] in BATCH_JOB.terminal

    assert wait_until(over, 60, pause=0.002)
    assert whole.end(job)["state"] == "Success"
    assert sizes == {large.stat().st_size}
    for file in (*files, large):
        there = into / file.relative_to(tree)
        assert there.read_bytes() == file.read_bytes()
        assert (there.stat().st_mode, there.stat().st_mtime_ns) == (file.stat().st_mode, file.stat().st_mtime_ns)
    assert len(list(all_files(os.fsencode(into)))) == 4, "no part of a copy is left"
    again = whole.run(workflow, tree)
    assert (again["state"], again["paths"]["skipped"]) == ("Success", 4)


def test_a_copy_into_the_walked_tree_does_not_find_itself(whole: Whole) -> None:
    tree = whole.folder()
    files = make_files(tree, [f"{folder}/{number}.txt" for folder in "abyz" for number in range(30)])
    workflow = whole.define(
        {"name": "fs.checksum"}, {"name": "fs.copy", "destination": str(tree / "m" / "copies")}, batch_size=3
    )
    job = whole.run(workflow, tree)
    assert (job["state"], job["paths"]["processed"]) == ("Success", len(files))
    copies = [path for path in (tree / "m" / "copies").rglob("*") if path.is_file()]
    assert {path.relative_to(tree / "m" / "copies") for path in copies} == {path.relative_to(tree) for path in files}


def test_a_tree_that_vanishes_while_it_is_walked(whole: Whole) -> None:
    tree = whole.folder()
    # More than a walk is granted in advance.
    files = make_files(tree, [f"{folder:03d}/{number}" for folder in range(200) for number in range(100)])
    workflow = whole.define({"name": "fs.checksum"}, {"name": "noop", "site": "paris"}, batch_size=1)
    job = whole.submit(workflow, tree)
    assert wait_until(lambda: whole.job(job)["paths"]["processed"] > 0, 20, pause=0.01)
    hub = whole.pid("hub")
    assert hub is not None
    os.kill(hub, signal.SIGSTOP)  # the walk may only go some batches beyond what the hub knows of
    try:
        shutil.rmtree(tree)
    finally:
        os.kill(hub, signal.SIGCONT)
    ended = whole.end(job, 60)
    assert (ended["state"], ended["discovery"]["state"]) == ("Failure", "Closed")
    assert ended["paths"]["processed"] > 0
    assert ended["discovery"]["found"] < len(files) + 200
    assert ended["tasks"]["Failure"] == 0
    told = {(outcome, message) for outcome, _, message in whole.outcomes(job).values()}
    assert ("failed", "vanished while it was walked") in told
    assert ("aborted", "no longer there") in told
    assert told <= {("failed", "vanished while it was walked"), ("aborted", "no longer there"), ("processed", None)}


def test_a_start_that_is_not_there(whole: Whole) -> None:
    tree = whole.folder()
    make_files(tree, ["a"])
    missing = tree / "nothing"
    workflow = whole.define({"name": "noop"})
    job = whole.run(workflow, missing, tree)
    assert (job["state"], job["discovery"]["state"], job["paths"]["processed"]) == ("Failure", "Broken", 1)
    assert "there is nothing there" in job["reason"]
    assert str(missing) in job["reason"]
    leaving = whole.define({"name": "noop"}, discovery_options={"skip_missing": True})
    assert whole.run(leaving, missing, tree)["state"] == "Success"
    as_given = whole.run(whole.define({"name": "fs.checksum"}, discovery=None), missing)
    assert whole.outcomes(as_given["id"]) == {os.fsencode(missing): ("failed", 0, "no such file")}


def test_however_a_start_is_written_the_tree_is_kept(whole: Whole) -> None:
    tree = whole.folder()
    make_files(tree, ["a.txt", "b/c.txt"])
    (whole.data / f"{tree.name}-link").symlink_to(tree.name)
    for number, start in enumerate(
        (f"{tree}/", f"{tree}//.//", f"{tree}/b/..", f"{tree}-link", f"{whole.data}/./{tree.name}")
    ):
        into = whole.more / f"{tree.name}-{number}"
        job = whole.run(whole.define({"name": "fs.copy", "destination": str(into)}), start)
        assert (job["state"], job["paths"]["processed"]) == ("Success", 2), start
        assert {str(path.relative_to(into)) for path in into.rglob("*.txt")} == {"a.txt", "b/c.txt"}, start
    into = whole.more / f"{tree.name}-file"
    assert (
        whole.run(whole.define({"name": "fs.copy", "destination": str(into)}), tree / "b" / "c.txt")["state"]
        == "Success"
    )
    assert os.listdir(into) == ["c.txt"]


def test_what_is_no_regular_file_is_failed_and_holds_nobody_up(whole: Whole) -> None:
    tree = whole.folder()
    make_files(tree, ["folder/good.txt"])
    os.mkfifo(tree / "pipe")
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind(str(tree / "plug"))
    (tree / "loop").symlink_to("loop")
    (tree / "dangling").symlink_to("nothing")
    expected = {
        "folder": "is a folder, not a regular file",
        "pipe": "is a pipe, not a regular file",
        "plug": "is a socket, not a regular file",
        "loop": "Too many levels of symbolic links",
        "dangling": "is a symbolic link that leads nowhere",
    }
    job = whole.run(whole.define({"name": "fs.checksum"}, type="all"), tree)
    told = {os.fsdecode(path[len(str(tree)) + 1 :]): told for path, told in whole.outcomes(job["id"]).items()}
    assert told.pop("folder/good.txt") == ("processed", 0, None)
    assert {name: message for name, (_, _, message) in told.items()} == expected


def test_many_starts_do_not_cost_a_task_each(whole: Whole) -> None:
    files = make_files(whole.folder(), [f"{number}.txt" for number in range(60)])
    job = whole.run(whole.define({"name": "noop"}), *files)
    assert (job["state"], job["paths"]["processed"]) == ("Success", 60)
    assert sum(job["tasks"].values()) <= 10
