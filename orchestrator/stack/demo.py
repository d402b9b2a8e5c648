"""What the demo consists of: a small tree of files, and a workflow of two steps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.stack.scratch import Stage

FOLDERS = ("harbour", "old town", "quay north", "market hall", "île", "🗺️ maps")
FILES_PER_FOLDER = 50
STRAY = "outside.tif"
"""The one file that can not be processed: a link out of what the sites may touch, which holds for root as well."""


def make_files(stage: Stage) -> int:
    """Fill London's folder; how many paths a walk will find there, the one that fails included."""
    for name in FOLDERS:
        folder = stage.files / name
        folder.mkdir()
        for number in range(FILES_PER_FOLDER):
            (folder / f"sheet {number:02d}.tif").write_bytes(f"{name} {number}\n".encode() * (50 + number))
    outside = stage.folder / "not yours.txt"
    outside.write_text("No site may read this.\n")
    (stage.files / FOLDERS[0] / STRAY).symlink_to(outside)
    return len(FOLDERS) * FILES_PER_FOLDER + 1


def copying(copies: Path) -> dict[str, Any]:
    """The workflow of the demo: a checksum of every file in London, a copy of it to Paris."""
    return _workflow(
        "demo",
        "Checksum in London, copy to Paris",
        {"type": "all", "include": ["*.tif"], "batch_size": 10},
        [{"name": "fs.checksum"}, {"name": "fs.copy", "destination": str(copies), "site": "paris"}],
    )


def reading() -> dict[str, Any]:
    """The workflow for a folder of somebody's own: nothing in it is changed."""
    return _workflow(
        "demo",
        "Checksum in London, nothing in Paris",
        {"type": "file", "batch_size": 100},
        [{"name": "fs.checksum"}, {"name": "noop", "site": "paris"}],
    )


def _workflow(name: str, label: str, rule: dict[str, Any], chain: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "label": label, "discovery": "recursive", "filter_rules": [{**rule, "action": [*chain]}]}
