"""fs.verify, and the sidecars that fs.checksum keeps: read and written as sha256sum does."""

import hashlib
import os
import subprocess
from pathlib import Path as File
from typing import Any

import pytest

from tests.unit.workers.files import HOSTILE, LONGEST, read, run, write
from workers.actions.digests import algorithm_named, digests_in
from workers.testing import Result


@pytest.fixture
def root(tmp_path: File) -> bytes:
    return os.fsencode(tmp_path) + b"/root"


@pytest.fixture
def hostile(root: bytes) -> list[bytes]:
    return [write(root + b"/src/" + name, b"content of " + name) for name in HOSTILE]


def verify(root: bytes, paths: list[bytes], **params: Any) -> Result:
    options = {key: params.pop(key) for key in ("notes", "kinds") if key in params}
    return run("fs.verify", paths, root, params=params, **options)


def test_against_what_was_noted(root: bytes, hostile: list[bytes]) -> None:
    noted = run("fs.checksum", hostile, root, params={"algorithm": "blake2b"})
    notes = {place: noted.notes[os.fsdecode(path)] for place, path in enumerate(hostile)}
    assert verify(root, hostile, notes=notes).state == "Success"
    write(hostile[2], b"changed")
    del notes[3]
    result = verify(root, hostile, notes=notes)
    assert list(result.outcomes.values()).count("failed") == 2
    assert [problem.error_class for problem in result.ended.problems] == ["DigestMismatch", "NoDigest"]
    wrong = hashlib.blake2b(b"changed").hexdigest()
    assert f"its blake2b is {wrong}, and should be " in result.messages[os.fsdecode(hostile[2])]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "md5"])
def test_sidecars_are_those_of_sha256sum(root: bytes, hostile: list[bytes], algorithm: str) -> None:
    assert run("fs.checksum", hostile, root, params={"algorithm": algorithm, "sidecar": True}).state == "Success"
    for path in hostile:
        sidecar = os.path.basename(path) + b"." + algorithm.encode()
        subprocess.run(
            [f"{algorithm}sum", "--check", "--status", "--strict", b"./" + sidecar],
            cwd=os.path.dirname(path), check=True,
        )  # fmt: skip
    assert verify(root, hostile, against="sidecar").state == "Success"
    # A second walk finds the sidecars too.
    sidecars = [path + b"." + algorithm.encode() for path in hostile]
    for again in (
        run("fs.checksum", sidecars, root, params={"algorithm": algorithm, "sidecar": True}),
        verify(root, sidecars, against="sidecar"),
    ):
        assert set(again.messages.values()) == {"is the digest of another file"}
        assert set(again.outcomes.values()) == {"skipped"}
    write(hostile[0], b"changed")
    os.unlink(hostile[1] + b"." + algorithm.encode())
    result = verify(root, hostile, against="sidecar")
    assert [problem.error_class for problem in result.ended.problems] == ["DigestMismatch", "NoDigest"]


def test_a_name_that_is_too_long_for_a_sidecar(root: bytes) -> None:
    ours = write(root + b"/src/" + LONGEST, b"ours")
    result = run("fs.checksum", [ours], root, params={"sidecar": True})
    assert list(result.messages.values()) == ["File name too long"]
    assert os.listdir(root + b"/src") == [LONGEST]


def test_against_a_manifest(root: bytes, hostile: list[bytes]) -> None:
    names = [os.path.basename(path) for path in hostile]
    listed = subprocess.run(
        ["sha256sum", "--", *names[:-1]], cwd=root + b"/src", check=True, capture_output=True
    ).stdout  # fmt: skip
    manifest = write(root + b"/src/SHA256SUMS", b"# made by hand\n\n" + listed)
    params = {"manifest": os.fsdecode(manifest)}
    result = verify(root, [*hostile, manifest], **params)
    assert list(result.messages.values()) == ["the manifest does not name it"]
    os.unlink(hostile[0])
    write(hostile[1], b"changed")
    result = verify(root, [*hostile, manifest], kinds="f" * 11, **params)
    assert [problem.error_class for problem in result.ended.problems] == [
        "",
        "DigestMismatch",
        "NoDigest",
        "Incomplete",
    ]
    assert result.messages[os.fsdecode(manifest)] == "what it names is not there: plain.tif"


def test_a_mirror_is_verified_by_what_was_noted_of_its_tree(root: bytes, hostile: list[bytes]) -> None:
    for path in hostile[:-1]:
        write(path.replace(b"/src/", b"/dst/"), read(path))
    write(hostile[0].replace(b"/src/", b"/dst/"), b"changed")
    noted = run("fs.checksum", hostile, root)
    notes = {place: noted.notes[os.fsdecode(path)] for place, path in enumerate(hostile)}
    result = verify(root, hostile, notes=notes, mirror=os.fsdecode(root + b"/dst"))
    assert [problem.error_class for problem in result.ended.problems] == ["DigestMismatch", "FileNotFoundError"]


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"manifest": "/etc/passwd"}, "outside the roots"),
        ({"manifest": "{root}/src"}, "is no regular file"),
        ({"manifest": "{root}/src/plain.tif"}, "line 1 has no digest"),
    ],
)
def test_a_manifest_that_can_not_be_used(
    root: bytes, hostile: list[bytes], params: dict[str, str], reason: str
) -> None:
    given = {key: value.replace("{root}", os.fsdecode(root)) for key, value in params.items()}
    result = verify(root, hostile, **given)
    assert result.state == "Failure"
    assert result.error is not None
    assert reason in result.error.message


def test_lines() -> None:
    digest = b"0123456789abcdef0123456789ABCDEF"
    lines = [
        digest,
        digest + b"  plain",
        digest + b" *binary\r\n",
        b"\\" + digest + b"  new\\nline\\\\\n",
        b"MD5 (some (thing)) = " + digest + b"\n",
        digest * 2 + b"  longer",
    ]
    found = list(digests_in(lines, None))
    assert [one.name for one in found] == [b"", b"plain", b"binary", b"new\nline\\", b"some (thing)", b"longer"]
    assert [one.algorithm for one in found] == ["md5"] * 5 + ["sha256"]
    assert found[0].hex == digest.decode().lower()
    for wrong in (b"no", digest + b"x", b"WHIRL (a) = " + digest, b"f" * 70_000):
        with pytest.raises(ValueError, match="line 1 "):
            list(digests_in([wrong], None))


def test_algorithms_by_the_name_of_a_manifest() -> None:
    named = {b"/a/SHA256SUMS": "sha256", b"manifest-sha512.txt": "sha512", b"x.md5": "md5", b"sha3-256.txt": "sha3_256"}
    assert {name: algorithm_named(name) for name in named} == named
    assert algorithm_named(b"/sha256/list.txt") is None
