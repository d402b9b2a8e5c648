"""A stack on a folder of its own, for as long as somebody looks on: the demo's, and that of chaos."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

from orchestrator.errors import ConfigError, Unreachable
from orchestrator.stack.lifeline import tied
from orchestrator.stack.place import place_is_elsewhere
from orchestrator.stack.ports import free_port

STARTS_WITHIN_S = 90.0
STOPS_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Stage:
    """The folder in which everything takes place."""

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

    @property
    def temporary(self) -> Path:
        """For files that programs leave behind when they are killed."""
        return self.folder / "tmp"


@contextlib.contextmanager
def stage(purpose: str) -> Generator[Stage]:
    """A temporary folder for this purpose; removed at the end with everything in it."""
    made = _laid_out(Path(tempfile.mkdtemp(prefix=f"orchestrator-{purpose}-")))
    try:
        yield made
    finally:
        for leftover in (made.folder, place_is_elsewhere(made.home)):
            if leftover is not None:
                shutil.rmtree(leftover, ignore_errors=True)


def stage_in(folder: Path) -> Stage:
    """The same in a folder that stays; ConfigError unless it is new, or empty."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(f"{folder} is not empty: name a new folder, so that nothing of yours is touched")
        return _laid_out(folder)
    except OSError as error:
        raise ConfigError(f"{folder} can not be used: {error.strerror}") from error


def _laid_out(folder: Path) -> Stage:
    made = Stage(folder)
    # Root's embedded PostgreSQL runs as another user, who has to pass through; what is private below is closed.
    folder.chmod(0o711)
    made.home.mkdir()
    made.home.chmod(0o711)
    made.files.mkdir()
    made.copies.mkdir()
    made.temporary.mkdir()
    return made


@contextlib.contextmanager
def running(
    stage: Stage,
    roots: Sequence[Path],
    *,
    actions: Sequence[str] = (),
    options: Sequence[str] = ("--no-flower",),
    variables: Mapping[str, str] | None = None,
) -> Generator[None]:
    """``orchestrator up`` on the stage, ready for use; stopped at the end, and with this process however it dies.

    ``actions`` are modules of actions for the sites, ``options`` are further ones of ``up``, and ``variables`` are for
    the environment of every part. Unreachable, with the end of its log, when it does not start.
    """
    command = [sys.executable, "-m", "orchestrator.cli.main", "up", "--home", str(stage.home)]
    command += ["--port", str(free_port()), "--concurrency", "2", *options]
    for root in roots:
        command += ["--root", str(root)]
    for module in actions:
        command += ["--actions", module]
    # Settings of a real installation must not lead it to that one's database.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}
    environment |= {"TMPDIR": str(stage.temporary), **(variables or {})}
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
