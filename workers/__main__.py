# ruff: noqa: T201 - this is a program, and talks to a person
"""``python -m workers --config site.toml``: start a site's pools, one of them, or only check the file."""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from redis import RedisError

from orchestrator.contracts.failpoints import arm
from orchestrator.contracts.names import Function
from orchestrator.errors import ConfigError
from workers.announce import EVERY_SECONDS
from workers.app import make_app, node_name, pool_of
from workers.queue_epoch import queue_epoch
from workers.registry import REGISTRY
from workers.runtime import Runtime
from workers.site import SiteFile, load_site
from workers.supervisor import PATIENCE_SECONDS, Supervisor


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 something is wrong, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    parser.add_argument("--config", required=True, type=Path, help="the site's file")
    parser.add_argument("--queue", help="serve only this queue (with --function)")
    parser.add_argument("--function", choices=[str(f) for f in Function], help="serve only this function")
    parser.add_argument("--check", action="store_true", help="say what would be started and what is wrong, and end")
    parser.add_argument(
        "--patience",
        type=_seconds,
        default=PATIENCE_SECONDS,
        help="seconds that running work may take to end after SIGTERM, when all pools are served (%(default)g)",
    )
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    options = parser.parse_args(arguments)
    if (options.queue is None) != (options.function is None):
        parser.error("--queue and --function belong together")
    try:
        arm(os.environ)
        site = load_site(options.config)
        if options.check:
            return check(site)
        if options.queue is None:
            return _all_pools(options.config, site, options.log_level, options.patience)
        return _one_pool(site, options.queue, options.function, options.log_level)
    except ConfigError as error:
        print(f"python -m workers: {error}", file=sys.stderr)
        return 1


def check(site: SiteFile) -> int:
    """Print what this file would start and what is wrong with it; 1 when something is."""
    queue, function, _ = next(iter(pools(site)))
    make_app(site, queue, function)
    runtime = Runtime(site, site.key_bytes, "check", queue, function)
    wrong = list(REGISTRY.problems)
    for root in site.roots:
        access = os.R_OK | os.X_OK | (0 if root.read_only else os.W_OK)
        if not root.path.is_dir():
            wrong.append(f"root {root.path}: no such folder")
        elif not os.access(root.path, access):
            wrong.append(f"root {root.path}: this user may not {'read' if root.read_only else 'read and write'} it")
    if not site.roots:
        wrong.append("no roots: add [[roots]] with a path, or no file can be touched")
    try:
        runtime.seen.check()
    except ConfigError as error:
        wrong.append(str(error))
    try:
        runtime.redis().ping()  # pyright: ignore[reportUnknownMemberType]
    except (RedisError, ValueError) as error:
        wrong.append(f"redis_url: the broker does not answer: {error}")
    print(f"site {site.name}")
    for queue, function, count in pools(site):
        print(f"  pool {node_name(site.name, queue, function)}: {count} at once ({pool_of(function)})")
    for root in site.roots:
        print(f"  root {root.path}{' (read only)' if root.read_only else ''}")
    print(f"  actions: {', '.join(sorted(REGISTRY.actions))}")
    print(f"  discovery: {', '.join(sorted(REGISTRY.discoveries))}")
    for problem in wrong:
        said, *trace = problem.splitlines()
        print(f"  wrong: {said}")
        for line in trace:
            print(f"    {line}")
    return 1 if wrong else 0


def pools(site: SiteFile) -> list[tuple[str, str, int]]:
    """(queue, function, how many at once) of every pool in the site's file."""
    return [(queue, str(f), count) for queue, functions in site.queues.items() for f, count in functions.items()]


def _seconds(said: str) -> float:
    seconds = float(said)
    if not 0 <= seconds < math.inf:
        raise ValueError("not a number of seconds")
    return seconds


def _all_pools(config: Path, site: SiteFile, log_level: str, patience_s: float) -> int:
    own = [sys.executable, "-m", "workers", "--config", str(config), "--log-level", log_level]
    commands = {
        node_name(site.name, queue, function): [*own, "--queue", queue, "--function", function]
        for queue, function, _ in pools(site)
    }
    Supervisor(commands, patience_s).run()
    return 0


def _one_pool(site: SiteFile, queue: str, function: str, log_level: str) -> int:
    try:
        concurrency = site.queues[queue][Function(function)]
    except KeyError:
        there = ", ".join(f"{q} {f}" for q, f, _ in pools(site))
        raise ConfigError(f"the file has no pool for {queue} {function} (it has: {there})") from None
    app = cast(Any, make_app(site, queue, function, queue_epoch(site, queue, function)))
    worker = app.Worker(
        hostname=node_name(site.name, queue, function),
        concurrency=concurrency,
        loglevel=log_level,
        task_events=True,
        # As often as it announces itself to the hub. Celery's own 2 s wake it, and Flower, for nothing.
        heartbeat_interval=EVERY_SECONDS,
        without_gossip=True,
        without_mingle=True,
    )
    worker.start()
    return worker.exitcode or 0


if __name__ == "__main__":
    sys.exit(main())
