import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any

import pytest

from workers import Path, chaos
from workers.actions import copying
from workers.testing import Result, run_action

HOSTILE = [
    b"plain.tif",
    b"two words",
    b"new\nline",
    b"quo'te\"s",
    b"$(reboot);`id`",
    b"-rf",
    "\N{GRINNING FACE}".encode(),
    b"\xff\xfe\x80",
    b"n" * 255,
    b"=cmd()",
]


@pytest.fixture
def root(tmp_path: File) -> bytes:
    root = os.fsencode(tmp_path) + b"/root"
    os.makedirs(root + b"/src/deep")
    return root


@pytest.fixture
def hostile(root: bytes) -> list[bytes]:
    paths = [root + b"/src/" + name for name in HOSTILE] + [root + b"/src/deep/" + name for name in HOSTILE]
    for number, path in enumerate(paths):
        write(path, b"content %d" % number)
        os.utime(path, ns=(10**18 + number, 10**18 + number))
        os.chmod(path, 0o640)
    return paths


def write(path: bytes, content: bytes) -> bytes:
    with open(path, "wb") as file:
        file.write(content)
    return path


def read(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def run(action: str, paths: list[bytes], root: bytes, **options: Any) -> Result:
    return run_action(action, paths, roots=[root], base=root + b"/src", **options)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha3_256", "blake2b", "blake2s", "sha1", "md5"])
def test_checksum(root: bytes, hostile: list[bytes], algorithm: str) -> None:
    write(hostile[0], b"\0" * (3 * 1024 * 1024 + 1))
    result = run("fs.checksum", hostile, root, params={"algorithm": algorithm})
    assert result.state == "Success"
    for path in hostile:
        digest = hashlib.new(algorithm, read(path), usedforsecurity=False).hexdigest()
        assert result.notes[os.fsdecode(path)] == {"algorithm": algorithm, "digest": digest}


@pytest.mark.parametrize("action", ["fs.checksum", "fs.copy"])
def test_what_is_no_file(root: bytes, action: str) -> None:
    os.mkfifo(root + b"/src/pipe")
    os.symlink(b"/etc/passwd", root + b"/src/out")
    os.symlink(b"nowhere", root + b"/src/dangling")
    closed = write(root + b"/src/closed", b"x")
    paths = [root + b"/src/" + name for name in (b"deep", b"pipe", b"out", b"gone", b"never", b"closed/x")]
    result = run(
        action,
        [*paths, b"/etc/passwd", root + b"/../x", root + b"/src/" + b"n" * 256, root + b"/src/dangling"],
        root,
        kinds="dolf?f???l",
        params={"destination": os.fsdecode(root + b"/dst")} if action == "fs.copy" else {},
    )
    words = {"f": "failed", "a": "aborted"}
    assert list(result.outcomes.values()) == [words[letter] for letter in "fffafaffff"]
    said = list(result.messages.values())
    assert said[0] == "is a folder, not a regular file"
    assert said[1] == "is a pipe, not a regular file"
    assert said[2].startswith("is a symbolic link" if action == "fs.copy" else "leads outside the roots")
    assert said[3:6] == ["no longer there", "no such file", "no longer there"]
    assert said[6].startswith("is outside the roots of this site")
    assert said[7].startswith("leads outside the roots of this site")
    assert said[8] == "File name too long"
    assert said[9] == "is a symbolic link" + (", not a regular file" if action == "fs.copy" else " that leads nowhere")
    assert read(closed) == b"x"


def test_stat(root: bytes, hostile: list[bytes]) -> None:
    os.symlink(b"/etc/passwd", root + b"/src/out")
    result = run(
        "fs.stat", [*hostile, root + b"/src/out", root + b"/src/deep", root + b"/src/gone"], root, kinds="f" * 23
    )
    assert (result.ended.processed, result.ended.aborted) == (22, 1)
    notes = result.notes[os.fsdecode(hostile[1])]
    assert notes["kind"] == "file"
    assert notes["size"] == len(b"content 1")
    assert notes["mtime_ns"] == 10**18 + 1
    assert notes["mode"] == "0640"
    assert result.notes[os.fsdecode(root + b"/src/out")]["kind"] == "symlink"
    assert result.notes[os.fsdecode(root + b"/src/deep")]["kind"] == "directory"


def copy(root: bytes, paths: list[bytes], **params: Any) -> Result:
    options = {key: params.pop(key) for key in ("attempt", "kinds", "cancelled") if key in params}
    return run("fs.copy", paths, root, params={"destination": os.fsdecode(root + b"/dst"), **params}, **options)


@pytest.fixture(autouse=True)
def nothing_left_over(tmp_path: File) -> Iterator[None]:
    yield
    assert not [name for _, _, names in os.walk(tmp_path) for name in names if name.startswith(".orchestrator-")]


@pytest.mark.parametrize("options", [{}, {"verify": True, "sync": True}])
def test_copy(root: bytes, hostile: list[bytes], options: dict[str, Any]) -> None:
    result = copy(root, hostile, **options)
    assert result.state == "Success"
    assert result.messages == {}
    for number, path in enumerate(hostile):
        made = path.replace(b"/src/", b"/dst/")
        assert read(made) == b"content %d" % number
        status = os.stat(made)
        assert (status.st_mtime_ns, stat.S_IMODE(status.st_mode)) == (10**18 + number, 0o640)
    assert result.renamed == {}


def test_copy_of_paths_that_were_given(root: bytes, hostile: list[bytes]) -> None:
    result = run_action(
        "fs.copy", [hostile[-1]], params={"destination": os.fsdecode(root + b"/dst/new/er")}, roots=[root]
    )
    assert result.state == "Success"
    assert os.listdir(root + b"/dst/new/er") == [HOSTILE[-1]]


def test_copy_over_what_is_there(root: bytes) -> None:
    def prepare(theirs: int) -> bytes:
        os.makedirs(root + b"/dst", exist_ok=True)
        there = write(root + b"/dst/f", b"theirs")
        os.utime(there, ns=(theirs, theirs))
        return there

    ours = write(root + b"/src/f", b"ours")
    os.utime(ours, ns=(500, 500))
    for overwrite, theirs, outcome in (
        ("never", 100, "skipped"),
        ("never", 900, "skipped"),
        ("older", 100, "processed"),
        ("older", 500, "skipped"),
        ("older", 900, "skipped"),
        ("always", 900, "processed"),
    ):
        there = prepare(theirs)
        result = copy(root, [ours], overwrite=overwrite)
        assert list(result.outcomes.values()) == [outcome], (overwrite, theirs)
        assert read(there) == (b"ours" if outcome == "processed" else b"theirs")
        assert result.passed == ([os.fsdecode(ours)] if outcome == "processed" else [])


def test_a_second_attempt_finds_its_own_copy(root: bytes) -> None:
    ours = write(root + b"/src/f", b"ours")
    assert copy(root, [ours]).state == "Success"
    assert list(copy(root, [ours]).outcomes.values()) == ["skipped"]
    assert list(copy(root, [ours], attempt=2).outcomes.values()) == ["processed"]


def test_copy_onto_folders_and_links(root: bytes, tmp_path: File) -> None:
    ours = write(root + b"/src/f", b"ours")
    os.makedirs(root + b"/dst/f")
    assert list(copy(root, [ours], overwrite="always").messages.values()) == [
        "the destination has a folder of this name"
    ]
    os.rmdir(root + b"/dst/f")
    outside = tmp_path / "outside"
    outside.write_bytes(b"theirs")
    os.symlink(outside, root + b"/dst/f")
    assert list(copy(root, [ours], overwrite="always").outcomes.values()) == ["processed"]
    assert outside.read_bytes() == b"theirs"
    assert read(root + b"/dst/f") == b"ours"
    os.symlink(tmp_path, root + b"/dst/deep")
    inner = write(root + b"/src/deep/outside", b"ours")
    assert "leads outside the roots" in next(iter(copy(root, [inner], overwrite="always").messages.values()))
    assert outside.read_bytes() == b"theirs"


def test_copy_onto_itself(root: bytes) -> None:
    ours = write(root + b"/src/f", b"ours")
    result = run("fs.copy", [ours], root, params={"destination": os.fsdecode(root + b"/src"), "overwrite": "always"})
    assert list(result.messages.values()) == ["the destination is the file itself"]
    assert read(ours) == b"ours"


@pytest.mark.parametrize("destination", ["/etc/orchestrator-test", "relative", "/root/../etc", "{root}/../elsewhere"])
def test_a_destination_outside_the_roots(root: bytes, destination: str) -> None:
    ours = write(root + b"/src/f", b"ours")
    into = destination.replace("{root}", os.fsdecode(root))
    result = run("fs.copy", [ours], root, params={"destination": into})
    assert result.state == "Failure"
    assert result.error is not None
    assert result.error.error_class == "OutsideRoots"
    assert not os.path.exists("/etc/orchestrator-test")
    assert not os.path.exists(root + b"/../elsewhere")


def test_copy_of_links(root: bytes) -> None:
    write(root + b"/src/f", b"ours")
    for name, target in {b"near": b"f", b"far": root + b"/src/f", b"out": b"../../x", b"up": b"../src/f"}.items():
        os.symlink(target, root + b"/src/" + name)
    paths = [root + b"/src/" + name for name in (b"near", b"far", b"out", b"up")]
    assert set(copy(root, paths).outcomes.values()) == {"failed"}
    kept = copy(root, paths, links="keep")
    assert list(kept.outcomes.values()) == ["processed", "failed", "failed", "processed"]
    assert os.readlink(root + b"/dst/near") == b"f"
    followed = copy(root, paths, links="follow", overwrite="always")
    assert list(followed.outcomes.values()) == ["processed", "processed", "failed", "processed"]
    assert read(root + b"/dst/far") == b"ours"
    assert not os.path.islink(root + b"/dst/near")


def test_copy_stops_in_the_middle_of_a_file(root: bytes) -> None:
    ours = write(root + b"/src/f", b"\0" * (5 * 1024 * 1024))
    looks: list[int] = []

    def cancelled() -> bool:
        looks.append(1)
        return len(looks) > 3

    assert copy(root, [ours], cancelled=cancelled).state == "Cancelled"
    assert os.listdir(root + b"/dst") == []


def test_a_copy_that_fails_leaves_nothing(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = write(root + b"/src/f", b"ours")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copying.os, "utime", full)
    result = copy(root, [ours])
    assert list(result.messages.values()) == ["No space left on device"]
    assert os.listdir(root + b"/dst") == []


def test_noop_and_sleep(root: bytes) -> None:
    paths = [b"/anything", b"s3://bucket/\xff"]
    assert run("noop", paths, root).state == "Success"
    assert run("sleep", paths, root, params={"seconds": 0.01}).state == "Success"
    assert run("sleep", paths, root, params={"seconds": 60}, cancelled=lambda: True).state == "Cancelled"


def test_a_path_is_what_os_takes(root: bytes, hostile: list[bytes]) -> None:
    for raw in hostile:
        path = Path(0, raw)
        assert os.fsencode(path.path) == raw
        assert os.stat(path).st_size


def test_the_action_of_chaos_says_what_it_runs_before_it_is_done(tmp_path: File) -> None:
    ran = tmp_path / "ran"
    for _ in range(2):
        result = run_action(chaos.note, [b"/a", b"/b"], params={"file": str(ran)})
        assert set(result.outcomes.values()) == {"processed"}
    assert ran.read_text().splitlines() == ["1 1 0", "1 1 1"] * 2
