"""What every command has in common: its options (--url --key --home --json), its errors and its exit codes."""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from orchestrator.cli.connect import find_client
from orchestrator.cli.output import put_json, put_json_lines, put_table, say, warn
from orchestrator.client import ApiRefused, Document, DocumentClient
from orchestrator.errors import OrchestratorError, Refused, Unreachable

DONE, FAILED, USAGE, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes; the last is what shells use for Ctrl-C."""

P = ParamSpec("P")
_PANEL = "Which service, and how to answer"


def _http(url: str | None) -> str | None:
    """An address that can be one; the mistake that is made most is to leave out how it begins."""
    if url is not None and not url.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{url!r} is no address: it begins with http:// or https://")
    return url


Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        callback=_http,
        rich_help_panel=_PANEL,
        help="The service's address [env: ORCHESTRATOR_URL; else the profile in the home]",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        metavar="KEY", rich_help_panel=_PANEL, help="The API key [env: ORCHESTRATOR_KEY; else the profile in the home]"
    ),
]
Home = Annotated[
    Path | None,
    typer.Option(metavar="DIR", rich_help_panel=_PANEL, help="The installation's folder [env: ORCHESTRATOR_HOME]"),
]
Json = Annotated[
    bool,
    typer.Option("--json", rich_help_panel=_PANEL, help="Answer in JSON: one document, or one line per item of a list"),
]


@dataclass(frozen=True, slots=True)
class Call:
    """How one command was called: which service, and whether the answer is to be JSON."""

    url: str | None = None
    key: str | None = None
    home: Path | None = None
    json: bool = False

    def client(self) -> DocumentClient:
        """A client of the service that is meant; Unreachable, with the remedy, when none is known."""
        return find_client(url=self.url, key=self.key, home=self.home)

    def put(self, document: object, said: str) -> None:
        """Answer with one thing: its document, or what is said of it to a person."""
        if self.json:
            put_json(document)
        else:
            say(said)

    def put_list(
        self,
        items: Iterable[Document],
        columns: Sequence[str],
        row: Callable[[Document], Sequence[object]],
        *,
        empty: str,
    ) -> None:
        """Answer with a list: a line of JSON for each item, or a table with a row for it; without any, ``empty``.

        How columns are written says how they are set: ``output.table``.
        """
        if self.json:
            put_json_lines(items)
        else:
            put_table(columns, map(row, items), empty=empty)


def set_globals(ctx: typer.Context, url: Url = None, key: Key = None, home: Home = None, json: Json = False) -> None:
    """Keep the options given before the command's name, for the command."""
    ctx.obj = Call(url, key, home, json)


def verb(
    app: typer.Typer, name: str, **settings: Any
) -> Callable[[Callable[Concatenate[Call, P], int | None]], Callable[Concatenate[Call, P], int | None]]:
    """Make a function a command: its first parameter, a Call, is filled from the options that every command has.

    What the function returns is the exit code (None is 0). Refusals and silence become messages and exit codes here,
    and nowhere else. ``settings`` go to ``typer.Typer.command``.
    """

    def register(function: Callable[Concatenate[Call, P], int | None]) -> Callable[Concatenate[Call, P], int | None]:
        @functools.wraps(function)
        def command(
            ctx: typer.Context, *, url: str | None, key: str | None, home: Path | None, json: bool, **rest: Any
        ) -> None:
            given = ctx.obj if isinstance(ctx.obj, Call) else Call()
            call = replace(
                given, url=url or given.url, key=key or given.key, home=home or given.home, json=json or given.json
            )
            raise typer.Exit(run(functools.partial(function, call, **rest)))

        _take_signature(command, function)
        app.command(name, **settings)(command)
        return function

    return register


def _take_signature(command: Callable[..., None], function: Callable[..., int | None]) -> None:
    """Show Typer the function's own parameters, with the Call replaced by the options it is made of."""
    own = list(inspect.signature(function).parameters.values())[1:]
    kind = inspect.Parameter.KEYWORD_ONLY
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    shared = [
        inspect.Parameter("url", kind, default=None, annotation=Url),
        inspect.Parameter("key", kind, default=None, annotation=Key),
        inspect.Parameter("home", kind, default=None, annotation=Home),
        inspect.Parameter("json", kind, default=False, annotation=Json),
    ]
    parameters = [context, *(parameter.replace(kind=kind) for parameter in own), *shared]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}


def run(work: Callable[[], int | None]) -> int:
    """Do the work and say how it went, as an exit code; what was refused, and where, goes to standard error."""
    try:
        return work() or DONE
    except ApiRefused as refused:
        explain(refused)
        return UNREACHABLE if refused.status in (502, 503, 504) else FAILED
    except Refused as refused:
        explain(refused)
        return FAILED
    except Unreachable as silent:
        warn(f"orchestrator: {silent}")
        return UNREACHABLE
    except OrchestratorError as wrong:
        warn(f"orchestrator: {wrong}")
        return FAILED
    except KeyboardInterrupt:
        warn("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def explain(refused: Refused) -> None:
    """Say what was refused, then each place and its reason."""
    warn(f"orchestrator: {refused.detail}")
    for fault in refused.faults:
        warn(f"  {fault.place}: {fault.reason}")
    if isinstance(refused, ApiRefused) and refused.legal_events is not None:
        warn(f"  possible now: {', '.join(refused.legal_events) or 'nothing, this state is final'}")
    if isinstance(refused, ApiRefused) and refused.status == 401:
        warn("  give a key with --key or ORCHESTRATOR_KEY; `orchestrator up` writes one to its home's profile.json")


def usage(message: str) -> typer.BadParameter:
    """The error for a command line that can not be meant (exit code 2)."""
    return typer.BadParameter(message)
