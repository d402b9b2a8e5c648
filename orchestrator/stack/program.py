"""A program of the stack: what is run, how it is asked to end, and one run of it."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from orchestrator.stack.lifeline import marks, tied

LOG_BYTES = 16 * 1024 * 1024
"""A log that has grown beyond this is moved aside to ``<name>.log.1``, which is kept until the next time."""


def nothing() -> None:
    """What most programs need done before they start."""


@dataclass(frozen=True, slots=True)
class Program:
    """Everything that is needed to start it, as often as necessary."""

    name: str
    command: list[str]
    """What is run, with no secret in it: anybody on the machine may read it."""
    log: Path
    """Where its output goes, appended."""
    folder: Path
    """Its working folder."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """All it is given, but for the marks of the life-line."""
    user: tuple[int, int] | None = None
    """(uid, gid) to run as; None: whoever started the stack."""
    end: signal.Signals = signal.SIGTERM
    """What asks it to end in good order."""
    hurry: signal.Signals = signal.SIGTERM
    """What it gets when the stack dies, or nobody wants to wait."""
    patience: float = 10.0
    """Seconds it has for ending in good order."""
    prepare: Callable[[], None] = nothing
    """Clears away what an earlier run of it left."""


def launch(program: Program, home: str) -> subprocess.Popen[bytes]:
    """Start it, in a session of its own (a Ctrl-C is for the stack, not for its parts) and on the life-line."""
    program.prepare()
    rotate(program.log)
    with open_log(program.log) as log:
        return subprocess.Popen(
            tied(program.command, program.hurry, program.user),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=program.folder,
            env={**program.environment, **marks(home, program.name)},
            start_new_session=True,
        )


def open_log(log: Path) -> BinaryIO:
    """A log to append to, for its owner only."""
    return open(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def rotate(log: Path) -> None:
    """Move a log that has grown too long aside, also while it is written to."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.with_name(f"{log.name}.1").write_bytes(log.read_bytes())
        os.truncate(log, 0)


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log, for saying why something did not start."""
    if not log.exists():
        return ""
    with log.open("rb") as source:
        source.seek(max(0, log.stat().st_size - 8192))
        return "\n".join(source.read().decode(errors="replace").splitlines()[-lines:])
