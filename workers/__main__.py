# ruff: noqa: T201 - this is a program, and talks to a person
"""``python -m workers --config site.toml``: start a site's pools, one of them, or only check the file.

Exit codes: 0 done, or nothing is wrong; 1 something is wrong; 2 wrong usage.
"""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from orchestrator.contracts.failpoints import arm
from orchestrator.contracts.names import Function
from orchestrator.errors import ConfigError
from orchestrator.logs import JsonLines, add_log_options, formatter, set_up_logs
from workers.announce import EVERY_SECONDS
from workers.app import make_app, node_name, write_logs
from workers.limits import become, own
from workers.queue_epoch import queue_epoch
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
    add_log_options(parser)
    options = parser.parse_args(arguments)
    if not options.config.is_file():
        parser.error(f"--config {options.config}: there is no such file")
    if (options.queue is None) != (options.function is None):
        parser.error("--queue and --function belong together")
    try:
        arm(os.environ)
        site = load_site(options.config)
        if options.check:
            from workers.check import check  # noqa: PLC0415 - its HTTP client is slow to import, and no pool has one

            _become_its_user(site)
            return check(site, options.config)
        if options.queue is None:
            return _all_pools(options.config, site, options)
        return _one_pool(site, options.queue, options.function, options)
    except ConfigError as error:
        print(f"python -m workers: {error}", file=sys.stderr)
        return 1


def _seconds(said: str) -> float:
    seconds = float(said)
    if not 0 <= seconds < math.inf:
        raise ValueError("not a number of seconds")
    return seconds


def _all_pools(config: Path, site: SiteFile, options: argparse.Namespace) -> int:
    logs = ["--log-level", options.log_level, "--log-format", options.log_format]
    own = [sys.executable, "-m", "workers", "--config", str(config), *logs]
    commands = {
        node_name(site.name, queue, function): [*own, "--queue", queue, "--function", function]
        for queue, function, _ in site.lanes
    }
    Supervisor(commands, options.patience).run()
    return 0


def _one_pool(site: SiteFile, queue: str, function: str, options: argparse.Namespace) -> int:
    try:
        concurrency = site.queues[queue][Function(function)]
    except KeyError:
        there = ", ".join(f"{q} {f}" for q, f, _ in site.lanes)
        raise ConfigError(f"the file has no pool for {queue} {function} (it has: {there})") from None
    _become_its_user(site)
    _forget_brokers()
    name = node_name(site.name, queue, function)
    lines = formatter(options.log_format, site=site.name, node=name)
    set_up_logs(lines, options.log_level)
    write_logs(lines)
    app = cast(Any, make_app(site, queue, function, queue_epoch(site, queue, function)))
    worker = app.Worker(
        hostname=name,
        concurrency=concurrency,
        loglevel=options.log_level,
        quiet=isinstance(lines, JsonLines),  # Celery's banner is no line
        task_events=True,
        # As often as it announces itself to the hub. Celery's own 2 s wake it, and Flower, for nothing.
        heartbeat_interval=EVERY_SECONDS,
        without_gossip=True,
        without_mingle=True,
    )
    worker.start()
    return worker.exitcode or 0


def _become_its_user(site: SiteFile) -> None:
    """Be who the site's file says, with the folders that are its own."""
    for folder in (site.state, site.spool):
        if folder is not None and site.limits.user:
            own(folder, site.limits.user)
    if site.limits.user:
        become(site.limits.user)


def _forget_brokers() -> None:
    """Only the site's file says where the broker is; Celery would let the environment say otherwise."""
    for variable in ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"):
        os.environ.pop(variable, None)


if __name__ == "__main__":
    sys.exit(main())
