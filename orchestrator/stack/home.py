"""The home of an installation: its folders, its secret, and the lock that lets one stack at a time run in it."""

import fcntl
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from orchestrator.errors import ConfigError
from orchestrator.stack.lifeline import is_alive
from orchestrator.stack.private import write_private
from orchestrator.stack.wait import wait_until

CLEARED_SECONDS = 20.0
"""How long the life-line of a stack that was killed may take to end what is left."""


def make_home(home: Path) -> Path:
    """The home, made when there is none: closed, but that the user of root's database has to pass through."""
    try:
        if not home.exists():
            home.mkdir(parents=True)
            home.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for name in ("logs", "sites", "workers"):
            (home / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{home} can not be the home: {error.strerror} (--home, ORCHESTRATOR_HOME)") from error
    return home


def secret_of(home: Path) -> Path:
    """The file with the installation's secret, made at the first time. Without it no site can be talked to again."""
    file = home / "secret"
    if not file.exists():
        write_private(file, secrets.token_hex(32) + "\n")
    return file


@contextmanager
def held(home: Path) -> Generator[IO[str]]:
    """Keep this home to ourselves; ConfigError names the process that has it.

    The lock is the kernel's, so it ends with its holders: this process, and the life-line that it is handed to.
    """
    with (home / "lock").open("a+") as lock:
        if not wait_until(lambda: _take(lock) or running_in(home) is not None, CLEARED_SECONDS) or not _take(lock):
            raise ConfigError(
                f"{home} is in use by process {holder(home)}: stop it with `orchestrator down`, or use another --home"
            )
        _note(lock, str(os.getpid()))
        yield lock
        _note(lock, "")


def running_in(home: Path) -> int | None:
    """The process of the stack that runs in this home; None when there is none, or only its life-line is left."""
    pid = holder(home)
    return pid if pid and not is_released(home) and is_alive(pid) else None


def is_released(home: Path) -> bool:
    """Whether nothing of a stack is left in this home."""
    try:
        with (home / "lock").open() as lock:
            return _take(lock, fcntl.LOCK_SH)
    except FileNotFoundError:
        return True


def holder(home: Path) -> int | None:
    """The process that the lock's file names."""
    try:
        return int((home / "lock").read_text())
    except (FileNotFoundError, ValueError):
        return None


def _take(lock: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _note(lock: IO[str], text: str) -> None:
    lock.seek(0)
    lock.truncate()
    lock.write(text)
    lock.flush()
