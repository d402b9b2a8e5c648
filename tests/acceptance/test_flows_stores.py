"""Objects in a store, through a whole stack: found, digested, archived, and handed from one site to the other."""

import io
import os
import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from orchestrator.stack.wait import wait_until
from tests.acceptance.changing_tree import grow
from tests.acceptance.whole_stack import Whole, raw, started
from tests.s3_server import CREDENTIALS, put, put_object, s3_server, store_at
from workers.stores import Stores

pytestmark = pytest.mark.timeout(1800)

OBJECTS = int(os.environ.get("TEST_STORE_OBJECTS", "300"))
"""10000 take a few minutes, most of them the server's."""
PATIENCE_S = 120 + OBJECTS / 10
KEYS = [f"data/{number % 7} folder/ü {number}.tif" for number in range(OBJECTS)]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as server:
        put(server, KEYS)
        yield server


@pytest.fixture(scope="module")
def stores(server: str, tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """What is there, as seen from beside."""
    return Stores([store_at(server, tmp_path_factory.mktemp("beside"), "s3://bucket")])


@pytest.fixture(scope="module")
def stack(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A stack whose sites have a store: their files say so, and they are started again."""
    top = tmp_path_factory.mktemp("stores")
    for folder in (top, *top.parents[:2]):
        folder.chmod(0o711)  # root's database is another user's, who has to pass through
    (top / "data").mkdir()
    (top / "more").mkdir()
    with started(top / "home", top / "data", top / "more", "--no-flower") as stack:
        for site in ("london", "paris"):
            place = stack.home / "workers" / site
            (place / "s3.toml").write_text(CREDENTIALS)
            with (place / "site.toml").open("a") as file:
                file.write(
                    f'\n[[stores]]\nurl = "s3://bucket/data"\noptions_file = "s3.toml"\nread_only = true\n'
                    f'options = {{endpoint_url = "{server}"}}\n'
                    f'\n[[stores]]\nurl = "s3://bucket/out"\noptions_file = "s3.toml"\n'
                    f'options = {{endpoint_url = "{server}"}}\n'
                )
        pools = [f"{site}.{function}" for site in ("london", "paris") for function in ("discovery", "worker")]
        before = {pool: stack.pid(pool) for pool in pools}
        for pid in before.values():
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: all(stack.pid(pool) not in (None, before[pool]) for pool in pools), 30)
        yield stack


def test_objects_are_found_digested_and_archived(stack: Whole, stores: Stores) -> None:
    digested = stack.run("checksum", "s3://bucket/data", seconds=PATIENCE_S)
    assert digested["state"] == "Success", stack.items(f"/jobs/{digested['id']}/errors")
    assert digested["paths"]["processed"] == OBJECTS
    assert {raw(item) for item in stack.items(f"/jobs/{digested['id']}/paths")} == {
        f"s3://bucket/{key}".encode() for key in KEYS
    }
    fields = {"destination": "s3://bucket/out/archives", "verify": True}
    archived = stack.run("archive", "s3://bucket/data", fields=fields, seconds=PATIENCE_S)
    assert archived["state"] == "Success", stack.items(f"/jobs/{archived['id']}/errors")
    assert archived["paths"]["processed"] == OBJECTS
    found: dict[str, bytes] = {}
    for page in stores.list(b"s3://bucket/out/archives"):
        for entry in page:
            with stores.open(entry.path) as file:
                plain = zstandard.ZstdDecompressor().stream_reader(file.read()).read()
            with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
                for member in archive:
                    content = archive.extractfile(member)
                    assert content is not None
                    found[member.name] = content.read()
    names = [key.removeprefix("data/") for key in KEYS]
    assert found == {name: name.encode() for name in names}


def test_two_sites_hand_files_to_each_other_through_a_store(stack: Whole) -> None:
    tree = stack.folder()
    grow(tree, 40)
    for path in tree.rglob("*"):
        # No object can be called the first; moto does not find the second again.
        if path.is_file() and any(odd in str(path) for odd in ("\udcff", "\n")):
            path.unlink()
    into = stack.more / tree.name
    workflow = stack.define(
        {"name": "fs.checksum"},
        {"name": "fs.copy", "destination": "s3://bucket/out/handed", "verify": True, "go_on_as": "copy"},
        {"name": "fs.verify", "site": "paris"},
        {"name": "fs.move", "site": "paris", "destination": str(into)},
        {"name": "fs.verify", "site": "paris"},
    )
    job = stack.run(workflow, tree, seconds=120)
    assert job["state"] == "Success", stack.items(f"/jobs/{job['id']}/errors")
    assert files(into) == files(tree)
    assert len(files(into)) > 20


def test_a_store_is_mirrored_in_a_folder_and_a_folder_in_a_store(stack: Whole, stores: Stores) -> None:
    source, tree, mirror = "s3://bucket/out/source", stack.folder(), "s3://bucket/out/mirror"

    def sync(start: object, destination: object) -> int:
        job = stack.run("sync", start, fields={"destination": str(destination), "destinationsite": "paris"}, seconds=60)
        assert job["state"] == "Success", stack.items(f"/jobs/{job['id']}/errors")
        return job["paths"]["total"]

    def put(name: str, content: str) -> bytes:
        path = f"{source}/{name}".encode()
        put_object(stores, path, content.encode())
        return path

    def same() -> None:
        there = {os.fsencode(path): content for path, content in files(tree).items()}
        assert below(stores, source) == below(stores, mirror) == there
        assert all(any(path.rglob("*")) for path in tree.rglob("*") if path.is_dir()), "a store has no empty folders"

    paths = [put(f"{number % 3}/ü {number}", str(number)) for number in range(12)]
    assert (sync(source, tree), sync(tree, mirror)) == (12, 15)
    same()
    put("0/ü 0", "changed")
    put("new/er/new", "new")
    stores.copy(paths[1], f"{source}/moved/ü 1".encode())
    for path in (paths[1], *paths[2::3]):
        stores.delete(path)
    # In the folder nothing has moved, since what has was copied; three folders have come, and one has gone.
    assert (sync(source, tree), sync(tree, mirror)) == (7, 12)
    same()
    assert (sync(source, tree), sync(tree, mirror)) == (0, 0)


def below(stores: Stores, url: str) -> dict[bytes, bytes]:
    """Every object below, by its place."""
    found: dict[bytes, bytes] = {}
    for page in stores.list(url.encode()):
        for entry in page:
            with stores.open(entry.path) as file:
                found[entry.path[len(url) + 1 :]] = file.read()
    return found


def files(folder: Path) -> dict[Path, bytes]:
    """Every file below, by its place."""
    every = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {path.relative_to(folder): path.read_bytes() for path in every}


def test_a_store_that_is_read_only_stays_as_it_is(stack: Whole, stores: Stores) -> None:
    before = [entry for page in stores.list(b"s3://bucket/data") for entry in page]
    workflow = stack.define({"name": "fs.delete"})
    job = stack.run(workflow, "s3://bucket/data", seconds=PATIENCE_S)
    assert (job["state"], job["paths"]["failed"]) == ("Failure", OBJECTS)
    assert [entry for page in stores.list(b"s3://bucket/data") for entry in page] == before
