"""What has changed in a store since the last run: on a real S3 server, and on one without tags."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.integration.hub.changing import Changing
from tests.integration.hub.conftest import World
from tests.s3_server import put, put_object, s3_server, store_at
from workers.store_entry import StoreEntry
from workers.stores import Stores

pytestmark = pytest.mark.timeout(180)

URL = "s3://changing/data"
NOTHING: dict[str, str] = {}


class InStore(Changing):
    """Objects, and the runs that look for changes among them."""

    def __init__(self, world: World, folder: Path, redis_url: str, entry: StoreEntry) -> None:
        super().__init__(world, folder, folder / "state", redis_url, [entry])
        self.stores, self.base = Stores([entry]), entry.url

    def put(self, **objects: str) -> None:
        """Objects, whose names have ``_`` for the slash, and what is in each."""
        for name, content in objects.items():
            put_object(self.stores, self.at(name), content.encode())

    def move(self, name: str, to: str) -> None:
        """As those do who have a store: copied, and deleted."""
        self.stores.copy(self.at(name), self.at(to))
        self.delete(name)

    def delete(self, *names: str) -> None:
        """Delete these."""
        for name in names:
            self.stores.delete(self.at(name))

    def at(self, name: str) -> bytes:
        """Its URL."""
        return f"{self.base}/{name.replace('_', '/')}".encode()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as server:
        yield server


@pytest.fixture
def changing(world: World, tmp_path: Path, redis_url: str, server: str) -> InStore:
    put(server, [], bucket="changing")
    changing = InStore(world, tmp_path, redis_url, store_at(server, tmp_path, URL))
    for page in changing.stores.list(URL.encode()):
        for entry in page:
            changing.stores.delete(entry.path)
    return changing


def test_what_was_created_modified_moved_and_deleted_is_told(changing: InStore) -> None:
    objects = {"same": "1", "edited": "2", "again": "3", "a_b_renamed": "4", "a_gone": "5", "stays": "6", "empty": ""}
    changing.put(**objects)
    every = [name.replace("_", "/") for name in objects]
    assert changing.run() == dict.fromkeys(every, "created")
    assert changing.run() == NOTHING
    assert changing.state() == "Success"
    changing.put(edited="22", again="3", new="7")
    changing.move("a_b_renamed", "z_y_x")
    changing.delete("a_gone", "empty")
    changing.stores.copy(changing.at("stays"), changing.at("copied"))
    # All that are empty are alike: one that has come and one that has gone are one that has moved.
    changing.put(e_empty="", f_empty="")
    assert changing.run() == {
        "edited": "modified",
        "new": "created",
        "z/y/x": "moved from a/b/renamed",
        "a/gone": "deleted",
        "copied": "created",
        "e/empty": "moved from empty",
        "f/empty": "created",
    }
    assert changing.run() == NOTHING


def test_what_did_not_come_to_a_good_end_is_found_again(changing: InStore) -> None:
    changing.put(good="1", bad="2", moves_deep="3", goes_deep="4")
    changing.run(lambda name: "failed" if name == "bad" else "processed")
    changing.move("moves_deep", "moved")
    changing.delete("goes_deep")
    expected = {"bad": "created", "moved": "moved from moves/deep", "goes/deep": "deleted"}
    assert changing.run(lambda _: "failed") == expected
    assert changing.run() == expected
    assert changing.run() == NOTHING


def test_an_empty_store_has_lost_everything_and_what_is_missing_in_it_has_not(changing: InStore) -> None:
    changing.put(d_a="1", d_b="2")
    changing.run()
    changing.url = f"{URL}/d"
    assert changing.run() == {"a": "created", "b": "created"}
    changing.delete("d_a", "d_b")
    # As a folder that is not there, it may as well be away.
    assert changing.run() == NOTHING
    assert changing.state() == "Failure"
    changing.url = URL
    assert changing.run() == {"d/a": "deleted", "d/b": "deleted"}
    assert changing.run() == NOTHING


def test_a_start_that_is_one_object(changing: InStore) -> None:
    changing.put(d_one="1", d_other="2")
    changing.url = f"{URL}/d/one"
    assert changing.run() == {".": "created"}
    assert changing.run() == NOTHING
    changing.put(d_one="3")
    assert changing.run() == {".": "modified"}
    assert changing.run() == NOTHING


def test_a_name_that_is_too_long_to_be_remembered_is_a_trouble(
    changing: InStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("workers.discovery.changes"), "_LONGEST", 5)
    changing.put(a="1", b_much_too_long="2", c="3")
    for expected in ({"a": "created", "c": "created"}, NOTHING):
        assert changing.run() == expected
        troubles = changing.world.one("select failed from progress where job_id = :job", job=changing.jobs[-1])
        assert troubles.failed == 1


def test_where_a_store_has_no_tags_objects_are_known_by_size_and_time(
    world: World, tmp_path: Path, redis_url: str
) -> None:
    changing = InStore(world, tmp_path, redis_url, StoreEntry(url="memory://changing"))
    changing.put(same="1", again="2", a_renamed="3")
    changing.run()
    changing.put(again="2")
    changing.move("a_renamed", "a_new")
    assert changing.run() == {"again": "modified", "a/renamed": "deleted", "a/new": "created"}
    assert changing.run() == NOTHING
