import multiprocessing
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.contracts.parcel import Parcel
from orchestrator.contracts.report import Returned
from orchestrator.contracts.seal import seal
from orchestrator.errors import ConfigError
from workers.admission import NotAdmitted, Post, forbidden, opened
from workers.seen import Seen
from workers.site import SiteFile

KEY = b"k" * 32


def parcel(**changes: object) -> Parcel:
    fields: dict[str, object] = {
        "id": "p",
        "site": "london",
        "queue": "default",
        "function": "worker",
        "action": "noop",
        "job": 1,
        "step": 0,
        "params": {},
        "tasks": [],
        "expires": 200.0,
    }
    return Parcel(**(fields | changes))  # type: ignore[arg-type]


def site(allow: list[str], **more: Any) -> SiteFile:
    """A site's file, of which only what it allows matters."""
    queues: Any = {"default": {"worker": 1}}
    return SiteFile(name="london", redis_url="redis://x", key="ab" * 32, queues=queues, allow=allow, **more)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def post() -> Post:
    return Post("london", "default", "worker", KEY, Seen(), clock=lambda: 100.0)


def test_what_is_ours_is_admitted(post: Post) -> None:
    assert post.admit(seal(KEY, parcel()), "noop") == parcel()


def test_what_is_from_before_the_newest_epoch_is_refused(post: Post) -> None:
    assert post.admit(seal(KEY, parcel(epoch=1)), "noop")
    post.seen.first("another", time.time() + 60, 2)
    with pytest.raises(NotAdmitted, match="epoch 1, and epoch 2"):
        post.admit(seal(KEY, parcel(epoch=1)), "noop")
    assert post.admit(seal(KEY, parcel(epoch=2)), "noop")
    assert post.admit(seal(KEY, parcel(epoch=3)), "noop")


def test_an_epoch_is_forgotten_with_the_last_of_its_messages() -> None:
    seen = Seen()
    assert seen.newest_epoch() == 0
    seen.first("a", time.time() + 60, 2)
    seen.first("b", time.time() - 1, 9)
    assert seen.newest_epoch() == 2


@pytest.mark.parametrize(
    ("changes", "task", "said"),
    [
        ({"site": "paris"}, "noop", "for paris.default.worker"),
        ({"queue": "bulk"}, "noop", "for london.bulk.worker"),
        ({"function": "custom"}, "noop", "for london.default.custom"),
        ({}, "fs.delete", "came as 'fs.delete'"),
        ({"expires": 100.0}, "noop", "expired"),
    ],
)
def test_what_is_not_ours_is_refused(post: Post, changes: dict[str, object], task: str, said: str) -> None:
    with pytest.raises(NotAdmitted, match=said):
        post.admit(seal(KEY, parcel(**changes)), task)


def test_every_bit_is_under_the_seal(post: Post) -> None:
    sealed = seal(KEY, parcel())
    for place in range(len(sealed)):
        with pytest.raises(NotAdmitted):
            post.admit(sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :], "noop")
    for other in (b"", sealed[:-1], sealed + b"\0", seal(b"x" * 32, parcel()), seal(KEY, Returned(1, 1))):
        with pytest.raises(NotAdmitted):
            post.admit(other, "noop")
    assert post.admit(sealed, "noop")


def test_arguments() -> None:
    assert opened("AAE=") == b"\0\1"
    for argument in (None, 5, b"AAE=", "AAE", "ä", ["AAE="]):
        with pytest.raises(NotAdmitted):
            opened(argument)


def test_allowed_actions() -> None:
    assert forbidden("fs.copy", site(["noop", "fs.*"])) is None
    assert forbidden("raster.tile", site(["noop", "fs.*"])) is not None
    assert forbidden("noop", site([])) is not None


def test_what_reaches_beyond_files_is_off_unless_the_sites_file_says_what_it_may() -> None:
    for action, on in (
        ("shell.run", {"shell": {"programs": ["/bin/true"]}}),
        ("http.post", {"http": {"hosts": ["example.com"]}}),
    ):
        refused = forbidden(action, site(["*"]))
        assert refused is not None
        assert "it names no" in refused.message
        assert forbidden(action, site(["*"], **on)) is None
        assert forbidden(action, site(["fs.*"], **on)) is not None


def count_firsts(file: Path, found: "multiprocessing.Queue[int]") -> None:
    seen = Seen(file)
    found.put(sum(seen.first(str(number), time.time() + 60) for number in range(500)))


def test_processes_of_a_host_remember_together(tmp_path: Path) -> None:
    start = multiprocessing.get_context("spawn")
    found: multiprocessing.Queue[int] = start.Queue()
    processes = [start.Process(target=count_firsts, args=(tmp_path / "state" / "seen", found)) for _ in range(3)]
    for process in processes:
        process.start()
    assert sum(found.get(timeout=40) for _ in processes) == 500
    for process in processes:
        process.join(10)


def test_what_has_expired_is_forgotten(tmp_path: Path) -> None:
    seen = Seen(tmp_path / "seen")
    assert seen.first("old", time.time() - 1)
    for number in range(1000):
        seen.first(str(number), time.time() + 60)
    assert seen.first("old", time.time() + 60)
    assert not seen.first("5", time.time() + 60)


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="state ="):
        Seen(tmp_path / "file" / "seen").check()
