"""What the demo consists of: a stack on a temporary home, a small tree of files, and a workflow of two steps."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from typing import Any

from orchestrator.errors import Unreachable
from orchestrator.stack.lifeline import tied
from orchestrator.stack.place import place_is_elsewhere
from orchestrator.stack.ports import free_port

STARTS_WITHIN_S = 90.0
STOPS_WITHIN_S = 30.0

FOLDERS = ("harbour", "old town", "quay north", "market hall", "île", "🗺️ maps")
FILES_PER_FOLDER = 50
STRAY = "outside.tif"
"""The one file that can not be processed: a link out of what the sites may touch, which holds for root as well."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The temporary folder in which everything of one demo takes place."""

    folder: Path

    @property
    def home(self) -> Path:
        """The installation's home."""
        return self.folder / "home"

    @property
    def files(self) -> Path:
        """What London works on."""
        return self.folder / "london"

    @property
    def copies(self) -> Path:
        """Where Paris keeps its copies."""
        return self.folder / "paris"


@contextlib.contextmanager
def stage() -> Generator[Stage]:
    """A temporary folder for one demo; removed at the end with everything in it."""
    folder = Path(tempfile.mkdtemp(prefix="orchestrator-demo-"))
    made = Stage(folder)
    try:
        # Root's embedded PostgreSQL runs as another user, who has to pass through; what is private below is closed.
        folder.chmod(0o711)
        made.home.mkdir()
        made.home.chmod(0o711)
        made.copies.mkdir()
        yield made
    finally:
        elsewhere = place_is_elsewhere(made.home)
        for leftover in (folder, elsewhere):
            if leftover is not None:
                shutil.rmtree(leftover, ignore_errors=True)


def make_files(stage: Stage) -> int:
    """Fill London's folder; how many paths a walk will find there, the one that fails included."""
    for name in FOLDERS:
        folder = stage.files / name
        folder.mkdir(parents=True)
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


@contextlib.contextmanager
def running(stage: Stage, roots: Sequence[Path]) -> Generator[None]:
    """``orchestrator up`` on the stage, ready for use; stopped at the end, and with this process however it dies.

    Unreachable, with the end of its log, when it does not start.
    """
    command = [sys.executable, "-m", "orchestrator.cli.main", "up", "--home", str(stage.home), "--no-flower"]
    command += ["--port", str(free_port()), "--concurrency", "2"]
    for root in roots:
        command += ["--root", str(root)]
    # Settings of a real installation must not lead a demo to its database.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}
    log = stage.folder / "up.log"
    with log.open("wb") as output:
        stack = subprocess.Popen(
            tied(command, SIGTERM),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=stage.folder,
            env=environment,
            start_new_session=True,
        )
    try:
        _await_ready(stack, log)
        yield
    finally:
        _stop(stack)


def _await_ready(stack: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while not any(line.startswith(b"ready") for line in log.read_bytes().splitlines()):
        if stack.poll() is not None or time.monotonic() > deadline:
            last = " / ".join(log.read_text(errors="replace").splitlines()[-5:])
            raise Unreachable(f"the stack did not start: {last or 'it said nothing'}")
        time.sleep(0.05)


def _stop(stack: subprocess.Popen[bytes]) -> None:
    stack.terminate()
    try:
        stack.wait(STOPS_WITHIN_S)
    except subprocess.TimeoutExpired:
        stack.kill()
        stack.wait()
