"""What a figure was measured on: the machine, the versions, and which state of this project."""

import os
import platform
import subprocess
from pathlib import Path

import psycopg
import redis

ROOT = Path(__file__).parents[1]


def machine() -> dict[str, str]:
    """The machine and what is measured, in words."""
    return {
        "processor": f"{_first('/proc/cpuinfo', 'model name')}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{int(_first('/proc/meminfo', 'MemTotal').split()[0]) / 1024**2:.1f} GiB",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "orchestrator": _commit(),
    }


def servers(database_url: str, redis_url: str) -> dict[str, str]:
    """The versions of the servers that a stack runs on."""
    with psycopg.connect(database_url) as connection:
        database = connection.execute("SHOW server_version").fetchone()
    with redis.Redis.from_url(redis_url) as client:
        broker = client.info("server")
    return {"PostgreSQL": str(database and database[0]), "Redis": str(broker["redis_version"])}


def _first(file: str, name: str) -> str:
    """What stands behind a name in one of the kernel's lists; ``unknown`` where it does not tell."""
    for line in Path(file).read_text().splitlines():
        label, _, value = line.partition(":")
        if label.strip() == name:
            return value.strip()
    return "unknown"


def _commit() -> str:
    """The commit that is checked out, and whether anything differs from it."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=10"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()
