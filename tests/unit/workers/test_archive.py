"""archive.create: what is in an archive, in which order, and what becomes of one that can not be finished."""

import io
import os
import subprocess
import tarfile
from pathlib import Path as File
from typing import Any

import pytest
import zstandard

from tests.unit.workers.files import HOSTILE, LONGEST, read, run, tree, write
from workers.actions import members
from workers.testing import Result, run_action


@pytest.fixture
def root(tmp_path: File) -> bytes:
    root = os.fsencode(tmp_path) + b"/root"
    os.makedirs(root + b"/src")
    return root


@pytest.fixture
def hostile(root: bytes) -> list[bytes]:
    names = [*HOSTILE, LONGEST, b"deep/" * 30 + LONGEST]
    return [write(root + b"/src/" + name, b"content of " + name, 10**18 + 7) for name in names]


def archive(root: bytes, paths: list[bytes], **params: Any) -> Result:
    options = {key: params.pop(key) for key in ("attempt", "kinds", "given", "cancelled", "roots") if key in params}
    params = {"destination": os.fsdecode(root + b"/out"), **params}
    return run("archive.create", paths, root, params=params, **options)


def made(root: bytes) -> list[bytes]:
    return sorted(os.path.join(root, b"out", name) for name in os.listdir(root + b"/out"))


def inside(file: bytes) -> dict[bytes, bytes | None]:
    """What is in an archive, in its order."""
    plain = zstandard.ZstdDecompressor().stream_reader(read(file), read_across_frames=True).read()
    with tarfile.open(fileobj=io.BytesIO(plain), encoding="utf-8", errors="surrogateescape") as opened:
        found: dict[bytes, bytes | None] = {}
        for header in opened:
            content = opened.extractfile(header) if header.isreg() else None
            found[os.fsencode(header.name)] = content.read() if content else None
        return found


@pytest.mark.parametrize("options", [{}, {"verify": True, "sync": True, "level": 19}])
def test_what_is_in_it(root: bytes, hostile: list[bytes], tmp_path: File, options: dict[str, Any]) -> None:
    os.symlink(b"/etc/passwd", root + b"/src/link")
    os.makedirs(root + b"/src/folder")
    paths = [*hostile, root + b"/src/link", root + b"/src/folder"]
    result = archive(root, paths, prefix="scans", **options)
    assert result.messages == {}
    (file,) = made(root)
    assert os.path.basename(file).startswith(b"scans-1-")
    assert file.endswith(b".tar.zst")
    assert result.notes[os.fsdecode(hostile[0])] == {"archive": os.fsdecode(file)}
    names = list(inside(file))
    assert names == sorted(names)
    unpacked = os.fsencode(tmp_path) + b"/unpacked"
    os.makedirs(unpacked)
    plain = zstandard.ZstdDecompressor().stream_reader(read(file), read_across_frames=True).read()
    subprocess.run(["tar", "-x", "-C", unpacked], input=plain, check=True)
    there = {place: content for place, content in tree(root + b"/src").items() if b"deep" not in place or content}
    assert {place: content for place, content in tree(unpacked).items() if b"deep" not in place or content} == there
    assert os.stat(unpacked + b"/plain.tif").st_mtime_ns == 10**18 + 7


def test_the_same_paths_make_the_same_archive(root: bytes, hostile: list[bytes]) -> None:
    first = archive(root, hostile)
    (file,) = made(root)
    content = read(file)
    # Killed after it had its name and before anybody was told.
    again = archive(root, hostile, attempt=2)
    assert again.notes == first.notes
    assert made(root) == [file]
    assert read(file) == content
    # Other paths of the same task are another archive.
    assert archive(root, hostile, attempt=3, given=[0, 1]).state == "Success"
    assert len(made(root)) == 2


def test_no_archive_is_written_over(root: bytes, hostile: list[bytes]) -> None:
    """Another installation may count its jobs from 1 too."""
    archive(root, hostile)
    (file,) = made(root)
    content = read(file)
    write(hostile[0], b"changed")
    result = archive(root, hostile)
    assert read(file) == content
    second = result.notes[os.fsdecode(hostile[0])]["archive"]
    assert second == os.fsdecode(file.replace(b".tar.zst", b"-2.tar.zst"))
    assert inside(os.fsencode(second))[b"plain.tif"] == b"changed"


def test_what_can_not_go_in_fails_alone(root: bytes, hostile: list[bytes]) -> None:
    os.mkfifo(root + b"/src/pipe")
    paths = [*hostile[:2], root + b"/src/pipe", root + b"/src/gone", b"/etc/passwd", root + b"/src/seen", hostile[0]]
    result = archive(root, paths, kinds="ffo??ff")
    assert list(result.ended.problems[0].path) == list(root + b"/src/pipe")
    assert [problem.outcome for problem in result.ended.problems] == ["failed", "failed", "failed", "aborted", "failed"]
    assert [problem.error_class for problem in result.ended.problems][-1] == "NotUnique"
    assert len(inside(made(root)[0])) == 2
    nothing = archive(root, [root + b"/src/gone"], kinds="f")
    assert nothing.state == "Error"
    assert len(made(root)) == 1


@pytest.mark.parametrize("change", ["shorter", "longer", "gone"])
def test_what_changes_while_it_is_read_is_left_out(
    root: bytes, hostile: list[bytes], change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = write(root + b"/src/big", b"x" * 3_000_000)
    plain = members.Content.read
    changed: list[bool] = []

    def read_and_change(content: members.Content, length: int) -> bytes:
        chunk = plain(content, length)
        if content._path.raw == victim and not changed:
            changed.append(True)
            {"shorter": lambda: os.truncate(victim, 10), "longer": lambda: append(victim), "gone": lambda: None}[
                change
            ]()
        return chunk

    if change == "gone":
        opened = members.Content._opened

        def gone(content: members.Content, member: members.Member) -> Any:
            if member.path.raw == victim:
                os.unlink(victim)
            return opened(content, member)

        monkeypatch.setattr(members.Content, "_opened", gone)
    monkeypatch.setattr(members.Content, "read", read_and_change)
    result = archive(root, [*hostile, victim])
    assert list(result.outcomes.values()).count("failed") + list(result.outcomes.values()).count("aborted") == 1
    assert result.outcomes[os.fsdecode(victim)] != "processed"
    (file,) = made(root)
    assert set(inside(file)) == {path[len(root) + 5 :] for path in hostile}


def append(path: bytes) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


def test_paths_that_were_given_keep_their_whole_name(root: bytes) -> None:
    one, other = write(root + b"/src/a/f", b"one"), write(root + b"/src/b/f", b"other")
    params = {"destination": os.fsdecode(root + b"/out")}
    result = run_action("archive.create", [one, other], params=params, roots=[root])
    assert result.state == "Success"
    assert inside(made(root)[0]) == {one[1:]: b"one", other[1:]: b"other"}


def test_an_archive_that_is_stopped_is_not_there(root: bytes, hostile: list[bytes]) -> None:
    looks: list[int] = []

    def cancelled() -> bool:
        looks.append(1)
        return len(looks) > 30

    result = archive(root, hostile, cancelled=cancelled)
    assert result.state == "Cancelled"
    assert result.ended.processed == 0
    assert made(root) == []


@pytest.mark.parametrize("name", ["../up", ".hidden", "a/b", ""])
def test_a_name_that_leads_elsewhere_is_refused(root: bytes, hostile: list[bytes], name: str) -> None:
    result = archive(root, hostile, prefix=name)
    assert result.error is not None
    assert result.error.error_class == "BadParameters"


def test_a_destination_outside_the_roots(root: bytes, hostile: list[bytes]) -> None:
    result = archive(root, hostile, destination="/etc/orchestrator-test")
    assert result.error is not None
    assert result.error.error_class == "OutsideRoots"
    assert not os.path.exists("/etc/orchestrator-test")
