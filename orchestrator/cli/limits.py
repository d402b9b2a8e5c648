"""Limit how much of a job or a workflow runs at once, while it runs."""

from collections.abc import Iterable
from typing import Annotated

import typer

from orchestrator.cli import complete
from orchestrator.cli.text import safe
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.cli.watch import JobId

NONE = "none"
AtOnce = Annotated[str, typer.Option("--max-running", metavar="N", help=f"So many tasks; {NONE}: no limit")]


def add_to(app: typer.Typer) -> None:
    """Add ``limit``; ``workflow limit`` is added with its group."""
    verb(app, "limit", epilog="Example:  orchestrator limit 12 --max-running 4")(limit)


def limit(call: Call, job_id: JobId, *, max_running: AtOnce) -> None:
    """Limit how many tasks of a job run at once, from now on; what runs beyond it is finished."""
    with call.client() as client:
        job = client.change_job(job_id, max_running=_number("--max-running", max_running))
    call.put(job, f"job {job['id']}: {_told(job['max_running'])}")


def limit_workflow(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete.workflows)],
    *,
    max_running: Annotated[
        str | None, typer.Option(metavar="N", help=f"So many tasks of all its jobs; {NONE}: no limit")
    ] = None,
    action: Annotated[
        list[str] | None,
        typer.Option("--action", metavar="ACTION=N", help=f"So many of this action, or {NONE}; repeatable"),
    ] = None,
) -> None:
    """Limit how much of a workflow runs at once: its jobs that have not ended keep to it too."""
    said: dict[str, object] = {}
    if max_running is not None:
        said["max_running"] = _number("--max-running", max_running)
    if action:
        said["actions"] = _actions(action)
    if not said:
        raise usage("say what is to be limited: --max-running N, or --action ACTION=N")
    with call.client() as client:
        made = client.limit_workflow(name, **said)
    call.put(made, f"workflow {safe(name)} is at version {made['version']}; its jobs keep to it from now on")


def _actions(given: Iterable[str]) -> dict[str, int | None]:
    limits: dict[str, int | None] = {}
    for pair in given:
        name, equals, n = pair.rpartition("=")
        if not equals or not name:
            raise usage(f"--action {pair!r}: write it as ACTION=N")
        limits[name] = _number(f"--action {name}", n)
    return limits


def _number(option: str, said: str) -> int | None:
    if said == NONE:
        return None
    if not said.isdecimal() or len(said) > 9:
        raise usage(f"{option} {said!r}: give a whole number of tasks, or {NONE}")
    return int(said)


def _told(n: int | None) -> str:
    return "no limit of its own" if n is None else f"at most {n} of its tasks run at once"
