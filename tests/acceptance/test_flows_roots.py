"""Nothing outside a site's roots is touched, whatever a path, a link or a parameter says."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.touches import Touches, watching
from tests.acceptance.whole_stack import Whole, make_files

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("whole")]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that no site may touch."""
    make_files(tmp_path, ["secret.txt", "below/secret.txt"])
    return tmp_path


@pytest.fixture
def touches(outside: Path) -> Iterator[Touches]:
    with watching(outside, outside / "below") as touches:
        (outside / "secret.txt").read_text()
        assert touches.seen(), "it can be seen"
        yield touches
        assert touches.seen() == []


@pytest.fixture
def tree(whole: Whole, outside: Path) -> Path:
    """A folder in the roots with links of all kinds out of them."""
    tree = whole.folder()
    make_files(tree, ["good.txt"])
    (tree / "file").symlink_to(outside / "secret.txt")
    (tree / "folder").symlink_to(outside)
    (tree / "relative").symlink_to(os.path.relpath(outside / "secret.txt", tree))
    (tree / "twice").symlink_to(tree / "file")
    (tree / "inside").symlink_to("good.txt")
    return tree


def test_a_start_outside_is_refused_with_words(whole: Whole, outside: Path, touches: Touches) -> None:
    workflow = whole.define({"name": "fs.checksum"})
    for start in (outside, outside / "secret.txt", whole.data / ".." / "..", Path("/")):
        job = whole.run(workflow, start)
        assert (job["state"], job["discovery"]["state"], job["paths"]["total"]) == ("Failure", "Broken", 0)
        assert "outside the roots of this site" in job["reason"], job["reason"]
        assert str(whole.data) in job["reason"], "what would have been inside"


def test_a_start_that_is_a_link_out_is_refused(whole: Whole, tree: Path, touches: Touches) -> None:
    job = whole.run(whole.define({"name": "fs.checksum"}), tree / "folder")
    assert (job["state"], job["discovery"]["state"]) == ("Failure", "Broken")
    assert "outside the roots of this site" in job["reason"]


def test_links_out_are_found_and_not_followed(whole: Whole, tree: Path, touches: Touches) -> None:
    into = whole.more / tree.name
    for action in (
        {"name": "fs.checksum"},
        {"name": "fs.copy", "destination": str(into), "links": "follow"},
    ):
        job = whole.run(whole.define(action, type="symlink"), tree)
        assert (job["state"], job["paths"]["total"], job["paths"]["failed"]) == ("Failure", 5, 4)
        outcomes = whole.outcomes(job["id"])
        assert outcomes.pop(os.fsencode(tree / "inside"))[0] == "processed"
        for path, (outcome, _, message) in outcomes.items():
            assert outcome == "failed"
            assert "leads outside the roots of this site" in (message or ""), path
    assert os.listdir(into) == ["inside"]


def test_given_paths_that_lead_out_are_failed(whole: Whole, tree: Path, outside: Path, touches: Touches) -> None:
    out = [
        outside / "secret.txt",
        tree / "file",
        tree / "folder" / "secret.txt",
        tree / "folder" / "below" / "secret.txt",
        f"{tree}/folder/../{outside.name}/secret.txt",
        f"{whole.data}/../../../../../..{outside}/secret.txt",
        f"/proc/self/root{outside}/secret.txt",
        "relative/secret.txt",
    ]
    for action in ("fs.checksum", "fs.stat"):
        job = whole.run(whole.define({"name": action}, discovery=None, type="all"), *out, tree / "good.txt")
        outcomes = whole.outcomes(job["id"])
        link_itself = action == "fs.stat"  # a link is looked at as itself, and lies inside
        assert job["paths"]["processed"] == 1 + link_itself
        assert job["paths"]["failed"] == len(out) - link_itself
        told = {message for outcome, _, message in outcomes.values() if outcome == "failed"}
        assert all("outside the roots of this site" in (m or "") or m == "not an absolute path" for m in told), told


def test_nothing_is_written_outside(whole: Whole, tree: Path, outside: Path, touches: Touches) -> None:
    for destination in (outside, outside / "new", tree / "folder", tree / "folder" / "new", whole.data / ".." / "new"):
        workflow = whole.define({"name": "fs.copy", "destination": str(destination), "overwrite": "always"})
        job = whole.run(workflow, tree)
        assert (job["state"], job["tasks"]["Failure"]) == ("Failure", 1)
        [failure] = whole.items(f"/jobs/{job['id']}/tasks", state="Failure")
        assert "outside the roots of this site" in failure["error"]["message"]
    assert not (whole.data.parent / "new").exists()


def test_a_copied_link_does_not_lead_out(whole: Whole, tree: Path, touches: Touches) -> None:
    into = whole.more / tree.name
    job = whole.run(whole.define({"name": "fs.copy", "destination": str(into), "links": "keep"}, type="symlink"), tree)
    assert (job["state"], job["paths"]["processed"], job["paths"]["failed"]) == ("Failure", 1, 4)
    assert os.listdir(into) == ["inside"]
    assert os.readlink(into / "inside") == "good.txt"
