"""Start and stop the whole service on this machine."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.output import put_json
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.config import load_settings
from orchestrator.logs import VARIABLE, LogFormat
from orchestrator.stack import down as stack_down
from orchestrator.stack import up as stack_up
from orchestrator.stack.ports import LOOPBACK

EPILOG = """Examples:

  orchestrator up

  orchestrator up --home /tmp/try --port 9000 --root /data --actions my_actions --detach

PostgreSQL and Redis elsewhere: set ORCHESTRATOR_DATABASE_URL and ORCHESTRATOR_REDIS_URL.
"""

Port = Annotated[int, typer.Option(min=1, max=65535, help="Of the API, on 127.0.0.1")]
FlowerPort = Annotated[int, typer.Option(min=1, max=65535, help="Of Flower, on 127.0.0.1")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    verb(app, "up", epilog=EPILOG)(up)
    verb(app, "down")(down)


def up(
    call: Call,
    *,
    port: Port = 8080,
    flower_port: FlowerPort = 5555,
    no_flower: Annotated[bool, typer.Option("--no-flower", help="Without Flower")] = False,
    site: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A site; repeatable  [default: london and paris]")
    ] = None,
    root: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="What the sites may touch; repeatable  [default: the current folder, and sites/ in the home]",
        ),
    ] = None,
    actions: Annotated[
        list[str] | None,
        typer.Option(metavar="MODULE", help="A Python module of actions, from the current folder; repeatable"),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Tasks at a time, per site and function")] = 2,
    log_format: Annotated[
        LogFormat | None, typer.Option(help="Of the files in logs/: JSON lines unless said otherwise")
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once it is ready; end it with `orchestrator down`")
    ] = False,
) -> int:
    """Start the service here: PostgreSQL, Redis, hub, API, two sites with Celery workers, and Flower.

    Prints `ready` with the addresses once everything answers. Processes that die are started again. Ctrl-C or SIGTERM
    stops all of it, in order. What it keeps is in the home, so it goes on where it was when it is started again.
    """
    for folder in root or ():
        if not folder.is_dir():
            raise usage(f"--root {folder}: there is no such folder")
    if log_format is not None:
        os.environ[VARIABLE] = log_format
    home = load_settings().with_home(call.home).home
    options = stack_up.UpOptions(
        home=home,
        port=port,
        flower_port=None if no_flower else flower_port,
        sites=tuple(site or ("london", "paris")),
        roots=tuple(root or ()),
        actions=tuple(actions or ()),
        concurrency=concurrency,
        detach=detach,
    )
    with _told_apart(call):
        code = stack_up.run(options)
    if call.json:
        put_json({"home": str(home), "url": f"http://{LOOPBACK}:{port}", "state": "ready" if detach else "stopped"})
    return code


def down(call: Call) -> int:
    """Stop the service that runs in the home, in order; what it keeps stays."""
    home = load_settings().with_home(call.home).home
    with _told_apart(call):
        code = stack_down.run(home)
    if call.json:
        put_json({"home": str(home), "state": "stopped"})
    return code


def _told_apart(call: Call) -> AbstractContextManager[object]:
    """What the stack says on its way is for people: with --json it goes to standard error."""
    return redirect_stdout(sys.stderr) if call.json else nullcontext()
