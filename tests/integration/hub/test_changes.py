"""What has changed since the last run: found by a walker, compared by the hub, remembered path by path."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.contracts.sighting import Sighting, pack_sightings
from orchestrator.errors import Conflict
from orchestrator.hub import Hub
from orchestrator.services.control import cancel
from tests.integration.hub.changing import Changing
from tests.integration.hub.conftest import World
from tests.integration.hub.redrives import redrive

pytestmark = pytest.mark.timeout(180)

NOTHING: dict[str, str] = {}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def changing(world: World, root: Path, tmp_path: Path, redis_url: str) -> Changing:
    return Changing(world, root, tmp_path / "state", redis_url)


def test_the_first_run_finds_everything_created_and_the_second_nothing(changing: Changing) -> None:
    changing.write(["a", "d/b", "d/e/c"])
    os.symlink("a", changing.root / "link")
    every = {"a", "link", "d", "d/b", "d/e", "d/e/c"}
    assert changing.run() == dict.fromkeys(every, "created")
    assert changing.state() == "Success"
    assert changing.run() == NOTHING
    assert changing.state() == "Success"
    rows = changing.world.all("select from tasks where job_id = :job", job=changing.jobs[-1])
    assert rows == []


def test_what_was_created_modified_moved_and_deleted_is_told(changing: Changing) -> None:
    changing.write(["same", "edited", "touched", "renamed", "d/into", "d/gone", "old/x/1", "old/x/2", "swap1", "swap2"])
    changing.run()
    root = changing.root
    (root / "edited").write_text("other")
    os.utime(root / "touched", ns=(1, 2))
    (root / "renamed").rename(root / "d" / "new name")
    (root / "d/into").rename(root / "into")
    (root / "d/gone").unlink()
    (root / "old").rename(root / "young")
    (root / "swap1").rename(root / "swap")
    (root / "swap2").rename(root / "swap1")
    (root / "swap").rename(root / "swap2")
    changing.write(["new/file"])
    assert changing.run() == {
        "edited": "modified",
        "touched": "modified",
        "d/new name": "moved from renamed",
        "into": "moved from d/into",
        "d/gone": "deleted",
        "young": "created",
        "young/x": "created",
        "young/x/1": "moved from old/x/1",
        "young/x/2": "moved from old/x/2",
        "old": "deleted",
        "old/x": "deleted",
        "swap1": "modified",
        "swap2": "modified",
        "new": "created",
        "new/file": "created",
    }
    assert changing.run() == NOTHING


def test_a_move_needs_inode_size_and_time_to_agree(changing: Changing) -> None:
    changing.write({"a": "1", "b": "1", "c": "1", "twice": "1"})
    os.link(changing.root / "twice", changing.root / "thrice")
    changing.run()
    root = changing.root
    (root / "a").rename(root / "a2")
    os.utime(root / "a2", ns=(1, 2))
    (root / "b").rename(root / "b2")
    with (root / "b2").open("a") as file:
        file.write("more")
    (root / "c").rename(root / "c2")
    # One of two names of a file: the other is still there, so what is new has come from the one that is not.
    (root / "thrice").rename(root / "thrice2")
    assert changing.run() == {
        "a": "deleted", "a2": "created", "b": "deleted", "b2": "created", "c2": "moved from c",
        "thrice2": "moved from thrice",
    }  # fmt: skip
    assert changing.run() == NOTHING


def test_another_name_for_a_file_that_stays_is_created(changing: Changing) -> None:
    changing.write(["a"])
    changing.run()
    os.link(changing.root / "a", changing.root / "b")
    assert changing.run() == {"b": "created"}
    assert changing.run() == NOTHING


def test_a_file_becomes_a_folder_and_the_reverse(changing: Changing) -> None:
    changing.write(["a", "b/c"])
    changing.run()
    (changing.root / "a").unlink()
    (changing.root / "b/c").rename(changing.root / "c")
    (changing.root / "b").rmdir()
    changing.write(["a/x", "b"])
    assert changing.run() == {"a": "modified", "a/x": "created", "b": "modified", "c": "moved from b/c"}
    assert changing.run() == NOTHING


@pytest.mark.parametrize("outcome", ["failed", "aborted"])
def test_what_did_not_come_to_a_good_end_is_found_again(changing: Changing, outcome: str) -> None:
    changing.write(["good", "bad", "moves", "goes", "changes"])
    changing.run(lambda name: outcome if name == "bad" else "processed")
    root = changing.root
    (root / "moves").rename(root / "moved")
    (root / "goes").unlink()
    (root / "changes").write_text("other")
    expected = {"bad": "created", "moved": "moved from moves", "goes": "deleted", "changes": "modified"}
    for _ in range(2):
        assert changing.run(lambda _: outcome) == expected
        assert changing.state() == "Failure"
    assert changing.run() == expected
    assert changing.run() == NOTHING


def test_what_an_action_skips_is_no_news_the_next_time(changing: Changing) -> None:
    changing.write(["a", "b"])
    changing.run(lambda name: "skipped" if name == "a" else "processed")
    assert changing.run() == NOTHING


def test_a_run_that_is_cancelled_loses_nothing(changing: Changing) -> None:
    changing.write(["a", "b"])
    changing.submit()
    changing.walk()
    changing.world.turn()
    changing.world.control(cancel, changing.jobs[-1])
    changing.world.turn(3)
    assert changing.state() == "Cancelled"
    assert changing.run() == {"a": "created", "b": "created"}


def test_only_one_run_at_a_time_looks_for_the_same(changing: Changing, world: World) -> None:
    changing.write(["a"])
    first = changing.submit()
    with pytest.raises(Conflict, match=f"job {first} looks for changes"):
        changing.submit()
    changing.walk()
    changing.work()
    assert changing.run() == NOTHING


def test_other_fields_and_other_roots_have_memories_of_their_own(
    world: World, root: Path, tmp_path: Path, redis_url: str
) -> None:
    fields = [{"name": "to", "type": "string"}]
    changing = Changing(world, root, tmp_path / "state", redis_url, fields=fields)
    changing.write(["d/a"])
    both = {"d": "created", "d/a": "created"}
    assert changing.run(fields={"to": "x"}) == both
    assert changing.run(fields={"to": "y"}) == both
    assert changing.run(fields={"to": "x"}) == NOTHING
    changing.root = root / "d"
    assert changing.run(fields={"to": "x"}) == {"a": "created"}


def test_rules_ask_for_states_and_what_no_rule_takes_is_no_news(
    world: World, root: Path, tmp_path: Path, redis_url: str
) -> None:
    rules = [{"type": "file", "state": "deleted", "action": [{"name": "noop"}]}]
    changing = Changing(world, root, tmp_path / "state", redis_url, filter_rules=rules)
    changing.write(["a", "b", "d/c"])
    assert changing.run() == NOTHING
    assert world.one("select unmatched from progress where job_id = :job", job=changing.jobs[-1]).unmatched == 4
    for name in ("a", "d/c"):
        (root / name).unlink()
    (root / "b").write_text("other")
    assert changing.run() == {"a": "deleted", "d/c": "deleted"}
    assert changing.run() == NOTHING
    assert world.one("select unmatched from progress where job_id = :job", job=changing.jobs[-1]).unmatched == 0


def test_what_can_not_be_looked_into_is_not_taken_for_gone(changing: Changing) -> None:
    changing.write(["d/a", "d/b"])
    changing.run()
    (changing.root / "d").chmod(0)
    try:
        readable = os.access(changing.root / "d", os.R_OK)  # root reads everything
        told = changing.run()
    finally:
        (changing.root / "d").chmod(0o755)
    assert told == NOTHING
    assert changing.state() == ("Success" if readable else "Failure")
    assert changing.run() == NOTHING


@pytest.mark.parametrize("whole", [True, False])
def test_only_what_was_read_to_its_end_says_what_is_gone(changing: Changing, *, whole: bool) -> None:
    changing.write(["a", "b", "c"])
    changing.run()
    changing.submit()
    order = changing.world.london.walk()
    assert changing.world.london.claim(order)
    stamp = os.stat(changing.root / "b")
    root = os.fsencode(changing.root)
    seen = [(stamp.st_ino, stamp.st_size, stamp.st_mtime_ns)]
    sighting = Sighting(root, root + b"/", [b"b"], "f", seen, b"a", None, whole)
    changing.world.london.entry(order, 1, [], seen=pack_sightings([sighting]), closed=True)
    # "a" is before what is spoken of.
    assert changing.work() == ({"c": "deleted"} if whole else NOTHING)


def test_what_a_redrive_brings_to_a_good_end_is_no_news(changing: Changing) -> None:
    changing.write(["a", "goes", "moves"])
    changing.run()
    (changing.root / "moves").rename(changing.root / "moved")
    (changing.root / "goes").unlink()
    changing.write(["new"])
    told = changing.run(lambda _: "failed")
    assert told == {"moved": "moved from moves", "goes": "deleted", "new": "created"}
    changing.jobs.append(redrive(changing.world, changing.jobs[-1]))
    assert changing.work() == told
    assert changing.state() == "Success"
    assert changing.run() == NOTHING


def test_a_hub_that_dies_and_a_walk_that_is_lost_change_nothing(
    changing: Changing, new_hub: Callable[[], Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.discovery.gather._MOST_SIGHTED", 10)
    changing.write([f"d{folder}/{file:02d}" for folder in range(5) for file in range(20)])
    first = changing.run()
    (changing.root / "d0").rename(changing.root / "e0")
    changing.submit()
    order = changing.world.london.walk()
    order.grant = 3
    changing.runtime.stopping.set()  # it stops at its next checkpoint
    changing.walk(order)
    changing.runtime.stopping.clear()
    changing.world.hub = new_hub()
    changing.world.turn(2)
    changing.walk()
    expected = {"e0": "created", "d0": "deleted"}
    assert changing.work() == expected | {f"e0/{file:02d}": f"moved from d0/{file:02d}" for file in range(20)}
    assert len(first) == 105
    assert changing.run() == NOTHING


def test_a_root_that_is_not_there_is_not_taken_for_empty(changing: Changing) -> None:
    changing.write(["a"])
    changing.run()
    changing.root.rename(changing.root.with_name("away"))
    assert changing.run() == NOTHING
    assert changing.state() == "Failure"
    changing.root.with_name("away").rename(changing.root)
    assert changing.run() == NOTHING
    assert changing.state() == "Success"


def test_old_names_that_are_no_text_are_told_as_deleted_and_created(changing: Changing) -> None:
    root = os.fsencode(changing.root)
    with open(root + b"/\xff", "wb"), open(root + b"/\xfe", "wb"):
        pass
    changing.run()
    os.rename(root + b"/\xff", root + b"/text")
    os.unlink(root + b"/\xfe")
    assert changing.run() == {"text": "created", os.fsdecode(b"\xff"): "deleted", os.fsdecode(b"\xfe"): "deleted"}
    assert changing.run() == NOTHING


def test_many_changes_are_told_in_pieces(changing: Changing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.services.tell_changes.AT_ONCE", 7)
    changing.write([f"d{folder}/{file:02d}" for folder in range(3) for file in range(20)])
    changing.run()
    (changing.root / "d0").rename(changing.root / "e0")
    for file in (changing.root / "d1").iterdir():
        file.unlink()
    (changing.root / "d1").rmdir()
    told = changing.run()
    assert told == {
        "e0": "created", "d0": "deleted", "d1": "deleted",
        **{f"e0/{file:02d}": f"moved from d0/{file:02d}" for file in range(20)},
        **{f"d1/{file:02d}": "deleted" for file in range(20)},
    }  # fmt: skip
    assert list(told).index("d1") > max(place for place, name in enumerate(told) if name.startswith("d1/"))
    assert changing.run() == NOTHING
