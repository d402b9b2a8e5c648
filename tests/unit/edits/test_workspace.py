"""Workspaces: made, copied, merged and discarded, whatever is in them."""

import os
from pathlib import Path

import pytest

from orchestrator.errors import Conflict, Unreachable
from orchestrator.services.workspace import Workspaces


@pytest.fixture
def workspaces(tmp_path: Path) -> Workspaces:
    return Workspaces(tmp_path / "workspaces")


def test_every_claim_has_a_folder_of_its_own(workspaces: Workspaces) -> None:
    first = workspaces.make(12)
    (first / "package" / "half.json").write_text("of who had it first")
    late = os.open(first, os.O_RDONLY | os.O_DIRECTORY)
    second = workspaces.make(12)
    assert (workspaces.folder(12), list((second / "package").iterdir())) == (second, [])
    assert second != first
    with pytest.raises(FileNotFoundError):  # a step of the first that still runs
        os.mkdir("package/more", dir_fd=late)
    with pytest.raises(FileNotFoundError):
        (first / "package" / "half.json").write_text("more")
    os.close(late)


def test_discarding_is_repeatable_and_leaves_nothing(workspaces: Workspaces) -> None:
    workspaces.make(1)
    (workspaces.make(2) / "package" / "deep").mkdir()
    for _ in range(2):
        workspaces.discard(2)
    workspaces.discard(77)
    with pytest.raises(Conflict, match="job 2 has no workspace"):
        workspaces.folder(2)
    assert workspaces.folder(1).is_dir()
    assert list((workspaces.root / "discarded").iterdir()) == []


def test_a_childs_begins_as_its_parents_with_what_was_sent(workspaces: Workspaces) -> None:
    parent = workspaces.make(1)
    (parent / "package" / "deep").mkdir()
    (parent / "package" / "deep" / "roads.json").write_text("roads")
    (parent / "base.json").write_text("base")
    (parent / "edits").write_text("edits")
    for ours in ("incoming", "delivery"):
        (parent / ours).mkdir()
        (parent / ours / "part").write_text("half")
    child = workspaces.make(2, parent=1)
    found = {str(file.relative_to(child)): file.read_text() for file in child.rglob("*") if file.is_file()}
    assert found == {
        "package/deep/roads.json": "roads",
        "base.json": "base",
        "edits": "edits",
        "package/edits": "edits",
    }
    (child / "base.json").write_text("the child's own")
    assert (parent / "base.json").read_text() == "base"


def test_merging_up_replaces_the_edits_and_is_repeatable(workspaces: Workspaces) -> None:
    parent = workspaces.make(1)
    (parent / "edits").write_text("wrong")
    child = workspaces.make(2, parent=1)
    (child / "edits").write_text("right")
    for _ in range(2):
        workspaces.merge_up(2, 1)
    assert ((parent / "edits").read_text(), (child / "edits").read_text()) == ("right", "right")
    assert sorted(file.name for file in parent.iterdir()) == ["edits", "package"]


def test_without_edits_there_is_nothing_to_merge(workspaces: Workspaces) -> None:
    workspaces.make(1)
    workspaces.make(2)
    with pytest.raises(Conflict, match="job 2 has no edits"):
        workspaces.merge_up(2, 1)


def test_what_could_not_be_removed_is_removed_later(workspaces: Workspaces) -> None:
    workspaces.empty_discarded()
    assert workspaces.jobs() == []
    for job in (2, 10):
        workspaces.make(job)
    (workspaces.root / "discarded").mkdir(exist_ok=True)
    (workspaces.root / "discarded" / "left").mkdir()
    (workspaces.root / "of somebody else").mkdir()
    workspaces.empty_discarded()
    assert workspaces.jobs() == [2, 10]
    assert sorted(entry.name for entry in workspaces.root.iterdir()) == ["10", "2", "discarded", "of somebody else"]
    assert list((workspaces.root / "discarded").iterdir()) == []


def test_no_link_leads_out_of_a_workspace(workspaces: Workspaces, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "edits").write_text("not yours")
    parent = workspaces.make(1)
    (parent / "edits").symlink_to(secret / "edits")
    with pytest.raises(Conflict, match="'edits' is neither a file nor a folder"):
        workspaces.make(2, parent=1)
    with pytest.raises(Conflict, match="'edits' is neither"):
        workspaces.merge_up(1, 2)
    (parent / "edits").unlink()
    (parent / "package").rmdir()
    (parent / "package").symlink_to(secret)
    with pytest.raises(Conflict, match="'package' is neither a file"):
        workspaces.make(2, parent=1)
    os.mkfifo(parent / "edits")
    with pytest.raises(Conflict, match="'edits' is neither"):
        workspaces.merge_up(1, 2)
    workspaces.discard(1)
    assert (secret / "edits").read_text() == "not yours"


def test_a_workspace_that_is_a_link_is_not_entered_and_goes_alone(workspaces: Workspaces, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "claim").mkdir(parents=True)
    (elsewhere / "claim" / "edits").write_text("not yours")
    workspaces.make(1)
    (workspaces.root / "2").symlink_to(elsewhere)
    with pytest.raises(Conflict, match="'2' is not a folder"):
        workspaces.merge_up(2, 1)
    workspaces.discard(2)
    assert not (workspaces.root / "2").is_symlink()
    workspaces.root.joinpath("discarded").rmdir()
    (workspaces.root / "discarded").symlink_to(elsewhere)
    with pytest.raises(Conflict, match="'discarded' is not a folder"):
        workspaces.empty_discarded()
    assert (elsewhere / "claim" / "edits").read_text() == "not yours"


def test_a_root_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable, match=r"file can not be reached: .*ORCHESTRATOR_WORKSPACES"):
        Workspaces(tmp_path / "file").make(1)
