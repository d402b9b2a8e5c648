"""Become a site's workers: this process turns into ``python -m workers``."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.example import example as example_file
from orchestrator.cli.output import put_json
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.contracts.names import Function
from orchestrator.logs import LogFormat

EPILOG = """Examples:

  orchestrator worker --example > site.toml

  orchestrator worker --config /etc/orchestrator/london.toml --check

  orchestrator worker --config /etc/orchestrator/london.toml

  orchestrator worker --config london.toml --queue default --function worker
"""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    verb(app, "worker", epilog=EPILOG)(worker)


def worker(
    call: Call,
    *,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="The site's file (site.toml)")] = None,
    queue: Annotated[str | None, typer.Option(metavar="NAME", help="Only this queue (with --function)")] = None,
    function: Annotated[Function | None, typer.Option(help="Only this pool (with --queue)")] = None,
    log_format: Annotated[
        LogFormat, typer.Option(help="auto: text on a terminal, JSON lines elsewhere")
    ] = LogFormat.AUTO,
    check: Annotated[
        bool, typer.Option("--check", help="Say what would be started and what is wrong; start nothing")
    ] = False,
    example: Annotated[
        bool, typer.Option("--example", help="Print a site's file with every key explained; start nothing")
    ] = False,
) -> None:
    """Run a site's Celery workers here, until SIGTERM or Ctrl-C.

    Without --queue and --function: one supervised process per queue and function of the site's file.
    """
    if example:
        if call.json:
            put_json({"example": example_file()})
        else:
            sys.stdout.write(example_file())
        return
    if config is None:
        raise usage("--config is missing: the site's file; --example prints one, `orchestrator site new` makes one")
    if (queue is None) != (function is None):
        raise usage("--queue and --function go together")
    if not config.is_file():
        raise usage(f"--config {config}: there is no such file")
    arguments = [sys.executable, "-m", "workers", "--config", str(config)]
    if queue is not None and function is not None:
        arguments += ["--queue", queue, "--function", function.value]
    if log_format is not LogFormat.AUTO:
        arguments += ["--log-format", log_format]
    if check:
        arguments.append("--check")
    sys.stdout.flush()
    os.execv(sys.executable, arguments)  # noqa: S606 - this very Python, and a list of arguments
