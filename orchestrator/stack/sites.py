"""The sites of the embedded stack: each has a folder in ``<home>/workers`` with its file, its key and the broker's URL.

They are kept apart from ``<home>/sites``, which the sites may touch, so that no job comes across a key.
"""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.contracts.names import Function
from orchestrator.contracts.seal import site_key
from orchestrator.errors import ConfigError
from orchestrator.stack.private import write_private

FUNCTIONS = (Function.DISCOVERY, Function.WORKER)
WALKERS = 2
"""Walks at a time, at each site."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class SitePlan:
    """What all sites of this stack have in common."""

    roots: Sequence[Path]
    """What they may touch; absolute."""
    actions: Sequence[str]
    """Modules of actions, found from ``python_path``."""
    python_path: Path
    concurrency: int
    """Tasks at a time, at each site."""


def check_names(names: Sequence[str]) -> None:
    """ConfigError unless each can be the name of a site, and names one once."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"--site {name!r}: a name has a-z, 0-9, _ and -, and not more than 63 characters")
        if names.count(name) > 1:
            raise ConfigError(f"--site {name} is given twice")


def write_site(home: Path, name: str, plan: SitePlan, secret: bytes, redis_url: str) -> Path:
    """Write what the workers of one site are started with; gives the site's file."""
    folder = home / "workers" / name
    folder.mkdir(mode=0o700, exist_ok=True)
    (home / "sites" / name).mkdir(mode=0o700, exist_ok=True)
    write_private(folder / "site.key", site_key(secret, name).hex() + "\n")
    write_private(folder / "redis.url", redis_url + "\n")
    lines = [
        f"# The site {name} of the stack in this home; written anew by every `orchestrator up`.",
        f"name = {_quoted(name)}",
        'redis_url_file = "redis.url"',
        'key_file = "site.key"',
        'state = "state"',
        f"actions = [{', '.join(map(_quoted, plan.actions))}]",
        f"python_path = [{_quoted(plan.python_path) if plan.actions else ''}]",
        *(f"\n[[roots]]\npath = {_quoted(root)}" for root in plan.roots),
        f"\n[queues.default]\n{Function.WORKER} = {plan.concurrency}\n{Function.DISCOVERY} = {WALKERS}",
    ]
    write_private(folder / "site.toml", "\n".join(lines) + "\n")
    return folder / "site.toml"


def worker_command(site_file: Path, function: Function) -> list[str]:
    """What runs the pool of one function of a site."""
    start = [sys.executable, "-P", "-m", "workers", "--config", str(site_file)]
    return [*start, "--queue", "default", "--function", function]


def _quoted(text: str | Path) -> str:
    """A basic string of TOML."""
    try:
        os.fspath(text).encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{os.fsencode(text)!r} is not UTF-8, which a site's file has to be") from None
    plain = re.sub(r'(["\\])', r"\\\1", os.fspath(text))
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", plain) + '"'
