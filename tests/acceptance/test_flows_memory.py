"""Memory of hub and API stays flat, however many paths go through."""

import os
from pathlib import Path

import psutil
import pytest

from tests.acceptance.whole_stack import Whole

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("whole")]

FOLDERS, FILES = 50, 1000
MIB = 1024 * 1024


def make_tree(folder: Path) -> None:
    for number in range(FOLDERS):
        below = folder / f"{number:03d}"
        below.mkdir()
        fd = os.open(below, os.O_DIRECTORY)
        for file in range(FILES):
            os.close(os.open(f"{file:04d}", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        os.close(fd)


def memory(whole: Whole) -> dict[str, float]:
    """MiB that hub and API hold, resident."""
    return {name: psutil.Process(whole.pid(name)).memory_info().rss / MIB for name in ("hub", "api")}


def test_200_000_paths_go_through_and_memory_stays(whole: Whole) -> None:
    tree = whole.folder()
    make_tree(tree)
    doors = [whole.data / f"{tree.name}-{number}" for number in range(3)]
    for door in doors:
        door.symlink_to(tree)
    workflow = whole.define({"name": "noop"}, {"name": "noop", "site": "paris"})
    first = whole.run(workflow, tree, seconds=60)
    assert first["paths"]["processed"] == FOLDERS * FILES
    before = memory(whole)
    second = whole.run(workflow, *doors, seconds=60)
    assert (second["state"], second["paths"]["processed"]) == ("Success", 3 * FOLDERS * FILES)
    assert len(whole.items(f"/jobs/{first['id']}/paths", outcome="processed")) == FOLDERS * FILES
    assert len(whole.items(f"/jobs/{second['id']}/tasks")) == sum(second["tasks"].values())
    after = memory(whole)
    assert {name for name in after if after[name] - before[name] > 40} == set(), (before, after)
