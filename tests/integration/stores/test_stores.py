"""Stores on a real S3 server and in memory: what may be touched, in which order it is listed, what is whole."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from orchestrator.contracts.paths import is_url
from tests.s3_server import CREDENTIALS, put, s3_server, store_at
from workers.roots import OutsideRoots
from workers.store_entry import StoreEntry
from workers.stores import StoreMissing, Stores

KEYS = ["a", "a/b", "a-b", "a/c/d", "b b%20+.tif", "ü/日", "z/1", "z/10", "z/2"]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as server:
        put(server, [*(f"data/{key}" for key in KEYS), "database", "other/x"])
        yield server


@pytest.fixture(params=["s3", "memory"])
def url(request: pytest.FixtureRequest) -> bytes:
    return {"s3": b"s3://bucket/data", "memory": b"memory://tests/data"}[request.param]


@pytest.fixture
def stores(url: bytes, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stores]:
    if url.startswith(b"s3"):
        yield Stores([store_at(request.getfixturevalue("server"), tmp_path)])
        return
    stores = Stores([StoreEntry(url=url.decode())])
    for key in KEYS:
        if key != "a":  # no folder and file of one name here
            with stores.write(url + b"/" + key.encode()) as file:
                file.write(key.encode())
    yield stores
    stores._place(url).fs.store.clear()
    stores._place(url).fs.pseudo_dirs[:] = [""]


def all_of(stores: Stores, path: bytes, after: bytes = b"") -> list[bytes]:
    return [entry.path for page in stores.list(path, after) for entry in page]


def test_objects_come_in_the_order_of_their_names_and_after_any_of_them(stores: Stores, url: bytes) -> None:
    every = [url + b"/" + key.encode() for key in sorted(KEYS) if key != "a" or url.startswith(b"s3")]
    assert all_of(stores, url) == every
    for place, last in enumerate(every):
        assert all_of(stores, url, last) == every[place + 1 :]
    assert all_of(stores, url + b"/z") == [url + b"/z/1", url + b"/z/10", url + b"/z/2"]
    assert all_of(stores, url + b"/z/10") == [url + b"/z/10"]


def test_what_is_not_there_is_not_found(stores: Stores, url: bytes) -> None:
    for do in (lambda p: all_of(stores, p), stores.open, stores.info, stores.delete):
        with pytest.raises(FileNotFoundError):
            do(url + b"/nothing")


def test_an_object_is_read_and_seen(stores: Stores, url: bytes) -> None:
    path = url + "/ü/日".encode()
    with stores.open(path) as file:
        assert file.read() == "ü/日".encode()
    assert stores.info(path)[:3] == (path, "f", 6)
    assert stores.info(path).mtime_ns is not None
    assert stores.info(url + b"/z").kind == "d"


@pytest.mark.parametrize("size", [0, 12 * 2**20])
def test_what_is_written_is_there_whole_or_not_at_all(server: str, tmp_path: Path, size: int) -> None:
    stores, url = Stores([store_at(server, tmp_path)]), b"s3://bucket/data"
    path = url + b"/w/" + uuid4().hex.encode()

    def fill(letter: bytes, *, well: bool = True) -> None:
        with stores.write(path) as file:
            for _ in range(0, size, 2**20):
                file.write(letter * min(size, 2**20))
            if not well:
                raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        fill(b"a", well=False)
    with pytest.raises(FileNotFoundError):
        stores.info(path)
    fill(b"b")
    assert stores.info(path).size == size
    with pytest.raises(ValueError, match="in the middle"):
        fill(b"c", well=False)
    with stores.open(path) as file:
        assert set(file.read()) == (set(b"b") if size else set())
    stores.copy(path, path + b"-2")
    stores.delete(path)
    assert all_of(stores, url + b"/w") == [path + b"-2"]
    stores.delete(path + b"-2")


def test_nothing_outside_is_touched(stores: Stores, url: bytes) -> None:
    above = url.rpartition(b"/")[0]
    for path in (above, url + b"base", above + b"/other/x", url + b"/../other/x", url + b"/./a/b", b"s3://else/x",
                 b"file:///etc/passwd", b"/etc/passwd", url + b"/\xff"):  # fmt: skip
        with pytest.raises(OutsideRoots):
            stores.open(path)
        with pytest.raises(OutsideRoots):
            all_of(stores, path)
        with pytest.raises(OutsideRoots), stores.write(path):
            pass


def test_a_store_that_is_read_only_is_not_written_to(server: str, tmp_path: Path) -> None:
    stores = Stores([store_at(server, tmp_path, read_only=True)])
    path = b"s3://bucket/data/a/b"
    with pytest.raises(OutsideRoots, match="read only"), stores.write(path):
        pass
    with pytest.raises(OutsideRoots, match="read only"):
        stores.delete(path)
    assert stores.info(path)[:3] == (path, "f", 3)


def test_secrets_stay_in_their_file(server: str, tmp_path: Path) -> None:
    entry = store_at(server, tmp_path)
    assert "canary" not in repr(entry)
    assert not list(Stores([entry]).check())
    wrong = store_at("http://127.0.0.1:9", tmp_path)
    [fault] = Stores([wrong]).check()
    assert "s3://bucket/data" in fault
    assert "canary" not in fault
    entry.options_file.write_text(CREDENTIALS + "key")  # type: ignore[union-attr]
    [fault] = Stores([entry]).check()
    assert "not TOML" in fault
    assert "canary" not in fault


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("/data", "has to be a URL"),
        ("file:///data", "is a root"),
        ("s3://key:secret@bucket", "credentials"),
        ("zip://x::s3://bucket/y", "has to be a URL"),
        ("s3://bucket/../other", "has . or .."),
    ],
)
def test_what_can_be_no_store_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        StoreEntry(url=url)
    with pytest.raises(ValueError, match="secret"):
        StoreEntry(url="s3://bucket", options={"secret": "x"})


def test_what_is_not_installed_is_named_with_the_remedy() -> None:
    stores = Stores([StoreEntry(url="dropbox://x")])
    with pytest.raises(StoreMissing, match=r"install orchestrator\[s3\]"):
        stores.open(b"dropbox://x/y")


def test_a_flat_bucket_is_listed_a_page_at_a_time(server: str, tmp_path: Path) -> None:
    put(server, [f"flat/{number:05d}" for number in range(2500)])
    stores = Stores([store_at(server, tmp_path, "s3://bucket/flat")])
    assert [len(page) for page in stores.list(b"s3://bucket/flat")] == [1000, 1000, 500]
    assert is_url(b"s3://bucket/flat")
    assert not is_url(b"/data/s3://bucket")
