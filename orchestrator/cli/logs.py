"""Show what tasks have logged, and one task by itself; follow a log as it grows."""

import time
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from orchestrator.cli import text
from orchestrator.cli.output import console, put_facts, put_json, say, warn
from orchestrator.cli.verb import DONE, INTERRUPTED, Call, usage, verb
from orchestrator.client import ApiRefused, Document, DocumentClient
from orchestrator.contracts.views import Level
from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.domain.task import TASK

_LOOK_S = 1.0
_STYLES = {"warning": "yellow", "error": "red", "critical": "bold red", "debug": "dim"}

EPILOG = """Examples:

  orchestrator logs 12 --level warning

  orchestrator logs --task 4161 --follow
"""


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    verb(app, "logs", epilog=EPILOG)(logs)
    verb(app, "task", epilog="Example:  orchestrator task 4161")(task)


def logs(
    call: Call,
    number: Annotated[int, typer.Argument(metavar="ID", min=1, help="The number of a job, or of a task")],
    *,
    as_task: Annotated[bool, typer.Option("--task", help="It is a task's number, also where a job has it too")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends")] = False,
    level: Annotated[Level, typer.Option(help="Only this level, and those that matter more")] = Level.DEBUG,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="At most so many of the first ones")] = None,
) -> int:
    """Show what a task has logged, or all tasks of a job, in the order in which it came."""
    with call.client() as client:
        what = "tasks" if as_task or not _is_job(client, number) else "jobs"
        shown = 0
        try:
            for line in _lines(client, what, number, follow=follow and limit is None, level=level.value, limit=limit):
                shown += 1
                if call.json:
                    put_json(line)
                else:
                    _show(line, named=what == "jobs")
        except KeyboardInterrupt:
            return INTERRUPTED
        if not shown and not call.json:
            above = "" if level is Level.DEBUG else f" of level {level} or above"
            warn(f"{what.removesuffix('s')} {number} has logged nothing{above}")
    return DONE


def _is_job(client: DocumentClient, number: int) -> bool:
    try:
        client.job(number)
    except ApiRefused as refused:
        if refused.status != 404:
            raise
        return False
    return True


def _lines(
    client: DocumentClient, what: str, number: int, *, follow: bool, level: str, limit: int | None
) -> Iterator[dict[str, Any]]:
    """The lines that there are, and while it goes on those that come."""
    terminal = BATCH_JOB.terminal if what == "jobs" else TASK.terminal
    after = 0
    while True:
        # Looked at before the log: what is logged before the end has come by then.
        over = not follow or client.request("GET", f"/{what}/{number}")["state"] in terminal
        for line in client.pages(f"/{what}/{number}/log", after=after, level=level, limit=limit):
            after = line["id"]
            yield line
        if over:
            return
        time.sleep(_LOOK_S)


def _show(line: dict[str, Any], *, named: bool) -> None:
    at = text.when(line["at"])
    task = f" task {line['task_id']}" if named else ""
    path = "" if line["path"] is None else f" {text.path(line['path'])}:"
    first, *rest = line["message"].splitlines() or [""]
    style = _STYLES.get(line["level"])
    say(f"{at} {line['level'].upper():8}{task}{path} {first}", style)
    for more in rest:
        say(f"    {more}", style)


def task(
    call: Call,
    number: Annotated[int, typer.Argument(metavar="TASK", min=1, help="The task's number")],
    *,
    paths: Annotated[
        bool, typer.Option("--paths", help="Its paths, with their places, which `do --path` takes")
    ] = False,
    history: Annotated[bool, typer.Option("--history", help="What people did with it")] = False,
) -> None:
    """Show one task: where it is, what became of its paths, how far it says it is, why it failed."""
    if paths and history:
        raise usage("give either --paths or --history")
    with call.client() as client:
        if paths:
            return _put_paths(call, client.task_paths(number))
        if history:
            return _put_history(call, client.task_history(number))
        found = client.request("GET", f"/tasks/{number}")
    if call.json:
        return put_json(found)
    progress = found["progress"]
    error: dict[str, str] = found["error"] or {}
    put_facts(
        {
            "task": str(found["id"]),
            "job": str(found["job_id"]),
            "step": f"{found['step']}: {found['action']} at {found['site']}",
            "state": found["state"],
            "attempt": found["attempt"],
            "paths": ", ".join(f"{count} {name}" for name, count in found["paths"].items() if count),
            "progress": progress and _said(progress),
            "worker": found["worker"],
            "started": found["started_at"] and text.when(found["started_at"]),
            "ended": found["ended_at"] and text.when(found["ended_at"]),
            "error": ": ".join(filter(None, (error.get("error_class"), error.get("message")))) or None,
        }
    )
    if error.get("traceback"):
        say()
        for line in error["traceback"].splitlines():
            console().print(text.safe(line), soft_wrap=True, markup=False, highlight=False)
    return None


def _put_paths(call: Call, found: Iterable[Document]) -> None:
    call.put_list(
        found,
        ["place#", "outcome", "path~", "message~"],
        lambda one: (one["index"], one["outcome"], text.path(one), one["message"]),
        empty="it has no paths",
    )


def _put_history(call: Call, found: Iterable[Document]) -> None:
    call.put_list(
        found,
        ["seq#", "at", "actor", "event", "attempt#", "paths#", "comment~"],
        lambda one: (
            one["seq"],
            text.when(one["at"]),
            *(one[name] for name in ("actor", "event", "attempt", "paths", "comment")),
        ),
        empty="nobody did anything with it",
    )


def _said(progress: dict[str, Any]) -> str:
    """How far it is: the share, what it says of it, and with which path."""
    path = None if progress["path"] is None else text.path(progress["path"])
    return " ".join(filter(None, (f"{progress['share']:.0%}", progress["note"], path and f"({path})")))
