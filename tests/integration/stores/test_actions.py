"""The built-in actions on objects: on a real S3 server, into it, out of it, and within."""

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.s3_server import put, s3_server, store_at
from tests.unit.workers.files import read, tree, write
from workers.stores import Stores
from workers.testing import Result, run_action

KEYS = ["plain.tif", "two words", "ü/日.tif", "-rf", "b%20+&=?#.tif", "deep/er/x"]
BASE = b"s3://bucket/data"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as server:
        yield server


@pytest.fixture
def stores(server: str, tmp_path: Path) -> Stores:
    put(server, [f"data/{key}" for key in KEYS])
    stores = Stores([store_at(server, tmp_path), store_at(server, tmp_path, "s3://bucket/out")])
    for url in (b"s3://bucket/data", b"s3://bucket/out"):
        for page in stores.list(url):
            for entry in page:
                if entry.path[len(BASE) + 1 :].decode() not in KEYS or url != BASE:
                    stores.delete(entry.path)
    return stores


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    root = os.fsencode(tmp_path) + b"/root"
    os.makedirs(root)
    return root


@pytest.fixture
def objects() -> list[bytes]:
    return [BASE + b"/" + key.encode() for key in KEYS]


def content(stores: Stores, path: bytes) -> bytes:
    with stores.open(path) as file:
        return file.read()


def below(stores: Stores, url: bytes) -> dict[bytes, bytes]:
    """What is in a store, by its place below the URL."""
    pages = stores.list(url)
    return {entry.path[len(url) + 1 :]: content(stores, entry.path) for page in pages for entry in page}


def run(action: str, paths: list[bytes], root: bytes, stores: Stores, **more: Any) -> Result:
    options = {key: more.pop(key) for key in ("attempt", "kinds", "notes", "base") if key in more}
    given: dict[str, Any] = {"base": BASE, "kinds": "f" * len(paths), **options}
    return run_action(action, paths, params=more, roots=[root], stores=stores, **given)


def test_checksum_stat_and_verify(root: bytes, stores: Stores, objects: list[bytes]) -> None:
    result = run("fs.checksum", [*objects, BASE + b"/gone"], root, stores, sidecar=True)
    assert list(result.outcomes.values()) == ["processed"] * 6 + ["aborted"]
    digest = hashlib.sha256("ü/日.tif".encode()).hexdigest()
    assert result.notes[os.fsdecode(objects[2])]["digest"] == digest
    assert content(stores, objects[2] + b".sha256") == f"{digest}  日.tif\n".encode()
    assert run("fs.verify", objects, root, stores, against="sidecar").messages == {}
    with stores.write(objects[0]) as file:
        file.write(b"changed")
    changed = run("fs.verify", objects, root, stores, against="sidecar")
    assert [problem.error_class for problem in changed.ended.problems] == ["DigestMismatch"]
    lines = "".join(f"{hashlib.sha256(key.encode()).hexdigest()}  {key}\n" for key in KEYS)
    manifest = BASE + b"/SHA256SUMS"
    with stores.write(manifest) as file:
        file.write(lines.encode() + b"0" * 64 + b"  not there\n")
    listed = run("fs.verify", [*objects, manifest], root, stores, manifest=os.fsdecode(manifest))
    assert [problem.error_class for problem in listed.ended.problems] == ["DigestMismatch", "Incomplete"]
    noted = run("fs.stat", objects, root, stores).notes[os.fsdecode(objects[1])]
    assert (noted["kind"], noted["size"]) == ("file", len("two words"))
    assert noted["mtime_ns"] > 10**18


@pytest.mark.parametrize("verify", [False, True])
def test_out_of_a_store_and_into_one(root: bytes, stores: Stores, objects: list[bytes], verify: bool) -> None:
    """How two sites that share nothing but a store give files to each other."""
    out = run("fs.copy", objects, root, stores, destination=os.fsdecode(root + b"/in"), verify=verify)
    assert out.messages == {}
    files = {place: found for place, found in tree(root + b"/in").items() if found is not None}
    assert files == {key.encode(): key.encode() for key in KEYS}
    paths = [root + b"/in/" + key.encode() for key in KEYS]
    into = run("fs.copy", paths, root, stores, destination="s3://bucket/out/x", verify=verify, base=root + b"/in")
    assert into.messages == {}
    assert below(stores, b"s3://bucket/out/x") == files
    within = run("fs.copy", objects, root, stores, destination="s3://bucket/out/y", verify=verify)
    assert within.messages == {}
    assert below(stores, b"s3://bucket/out/y") == files


def test_over_what_is_there(root: bytes, stores: Stores, objects: list[bytes]) -> None:
    def copy(overwrite: str, **more: Any) -> str:
        result = run("fs.copy", objects[:1], root, stores, destination="s3://bucket/out", overwrite=overwrite, **more)
        return next(iter(result.outcomes.values()))

    assert copy("never") == "processed"
    assert copy("never") == "skipped"
    assert copy("never", attempt=2) == "processed"
    assert copy("never", attempt=2, verify=True) == "processed"
    assert copy("older") == "skipped"
    with stores.write(b"s3://bucket/out/plain.tif") as file:
        file.write(b"plain.tix")
    # The size alone says little: with verify, what differs is copied again.
    assert copy("always", attempt=2, verify=True) == "processed"
    assert content(stores, b"s3://bucket/out/plain.tif") == b"plain.tif"


def test_move_and_delete(root: bytes, stores: Stores, objects: list[bytes]) -> None:
    moved = run("fs.move", objects[:2], root, stores, destination="s3://bucket/out")
    assert moved.state == "Success"
    assert below(stores, b"s3://bucket/out") == {b"plain.tif": b"plain.tif", b"two words": b"two words"}
    assert moved.renamed[os.fsdecode(objects[0])] == "s3://bucket/out/plain.tif"
    again = run("fs.move", objects[:2], root, stores, destination="s3://bucket/out", attempt=2)
    assert again.state == "Success"
    home = run(
        "fs.move", [b"s3://bucket/out/plain.tif"], root, stores, destination=os.fsdecode(root), base="s3://bucket/out"
    )
    assert home.state == "Success"
    assert read(root + b"/plain.tif") == b"plain.tif"
    file = write(root + b"/from/here", b"here")
    away = run("fs.move", [file], root, stores, destination="s3://bucket/out", base=root + b"/from")
    assert away.state == "Success"
    assert not os.path.exists(file)
    assert below(stores, b"s3://bucket/out") == {b"two words": b"two words", b"here": b"here"}
    gone = run("fs.delete", [*objects[2:], objects[0]], root, stores)
    assert list(gone.outcomes.values()) == ["processed"] * 4 + ["skipped"]
    assert below(stores, BASE) == {}


def test_a_mirror_in_a_store_follows(root: bytes, stores: Stores) -> None:
    new = write(root + b"/src/new", b"ours", 500)
    for name in (b"old", b"lost"):
        with stores.write(b"s3://bucket/out/" + name) as file:
            file.write(b"ours")
    notes = {0: {"moved_from": os.fsdecode(root + b"/src/old")}}
    base = root + b"/src"
    assert run("fs.follow", [new], root, stores, destination="s3://bucket/out", notes=notes, base=base).messages == {}
    lost = run("fs.delete", [root + b"/src/lost"], root, stores, mirror="s3://bucket/out", base=base)
    assert lost.messages == {}
    assert below(stores, b"s3://bucket/out") == {b"new": b"ours"}


def test_a_mirror_of_a_store_follows(root: bytes, stores: Stores) -> None:
    """What has moved is copied again into a folder, which has no tags; within stores it is moved."""
    for name in (b"new", b"left"):
        with stores.write(BASE + b"/deep/" + name) as file:
            file.write(b"ours")
    mirror = root + b"/mirror"
    stale = write(mirror + b"/gone/old", b"stale")
    for name, content in ((b"old", b"ours"), (b"lost", b"ours"), (b"stale", b"theirs")):
        with stores.write(b"s3://bucket/out/" + name) as file:
            file.write(content)

    def follow(new: bytes, old: bytes, destination: bytes) -> None:
        notes = {0: {"moved_from": os.fsdecode(BASE + b"/" + old)}}
        path, to = [BASE + b"/deep/" + new], os.fsdecode(destination)
        assert run("fs.follow", path, root, stores, destination=to, notes=notes).messages == {}

    follow(b"new", b"gone/old", mirror)
    assert tree(mirror) == {b"deep": None, b"deep/new": b"ours"}
    assert not os.path.exists(stale)
    follow(b"new", b"old", b"s3://bucket/out")
    follow(b"left", b"stale", b"s3://bucket/out")
    write(mirror + b"/deep/er/lost", b"ours")
    write(mirror + b"/away/lost", b"ours")
    lost = [BASE + b"/" + place for place in (b"lost", b"deep/er/lost", b"away/lost")]
    assert run("fs.delete", lost, root, stores, mirror="s3://bucket/out").messages == {}
    assert below(stores, b"s3://bucket/out") == {b"deep/new": b"ours", b"deep/left": b"ours"}
    assert run("fs.delete", lost, root, stores, mirror=os.fsdecode(mirror)).messages == {}
    # A folder stays as long as the store has something below it.
    assert tree(mirror) == {b"deep": None, b"deep/new": b"ours", b"deep/er": None}


@pytest.mark.parametrize("verify", [False, True])
def test_an_archive_of_objects_in_a_store(root: bytes, stores: Stores, objects: list[bytes], verify: bool) -> None:
    places = []
    for _ in range(2):
        result = run("archive.create", objects, root, stores, destination="s3://bucket/out", verify=verify)
        assert result.messages == {}
        places.append(result.notes[os.fsdecode(objects[0])]["archive"])
    assert places[0] != places[1]
    for place in places:
        plain = zstandard.ZstdDecompressor().stream_reader(content(stores, place.encode())).read()
        with tarfile.open(fileobj=io.BytesIO(plain)) as opened:
            assert opened.getnames() == sorted(KEYS)


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("fs.copy", {"destination": "s3://elsewhere/x"}),
        ("fs.move", {"destination": "s3://bucket/secret"}),
        ("archive.create", {"destination": "s3://bucket/out/../secret"}),
    ],
)
def test_a_destination_that_is_no_store_of_this_site(
    root: bytes, stores: Stores, objects: list[bytes], action: str, params: dict[str, str]
) -> None:
    result = run(action, objects, root, stores, **params)
    assert result.error is not None
    assert result.error.error_class == "OutsideRoots"


def test_what_is_not_to_be_touched(root: bytes, server: str, tmp_path: Path, objects: list[bytes]) -> None:
    stores = Stores([store_at(server, tmp_path, read_only=True)])
    for action, params in (
        ("fs.delete", {}),
        ("fs.move", {"destination": os.fsdecode(root)}),
        ("fs.checksum", {"sidecar": True}),
        ("fs.copy", {"destination": "s3://bucket/data/x"}),
    ):
        result = run(action, objects[:1], root, stores, **params)
        assert "read only" in next(iter(result.messages.values())), action
    outside = run("fs.checksum", [b"s3://bucket/secret", b"s3://bucket/data/../secret"], root, stores)
    assert set(outside.outcomes.values()) == {"failed"}


def test_names_that_no_object_can_have(root: bytes, stores: Stores) -> None:
    file = write(root + b"/src/\xff", b"ours")
    result = run("fs.copy", [file], root, stores, destination="s3://bucket/out", base=root + b"/src")
    assert "not UTF-8" in next(iter(result.messages.values()))
