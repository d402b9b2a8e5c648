"""Change what is said of a job."""

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli import text
from orchestrator.cli.definition import read_definition
from orchestrator.cli.moments import moment_from
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.cli.watch import JobId

EPILOG = """Examples:

  orchestrator change 12 --priority 9

  orchestrator change 14 --group editors --due 2030-01-31T22:00 --comment "the roads first"
"""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    verb(app, "change", epilog=EPILOG)(change)


def change(
    call: Call,
    job_id: JobId,
    *,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="What it is called")] = None,
    priority: Annotated[int | None, typer.Option(min=0, max=9, help="0 (last) to 9 (first)")] = None,
    due: Annotated[str | None, typer.Option(metavar="TIME", help="When it has to be done: a time, or 2h")] = None,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="When an edit job is to be activated: as above")
    ] = None,
    assignee: Annotated[str | None, typer.Option(metavar="USER", help="Who is to do it")] = None,
    group: Annotated[str | None, typer.Option(metavar="NAME", help="Whose members may do it")] = None,
    extent: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where it is: GeoJSON; - is standard input")
    ] = None,
    depends_on: Annotated[
        list[int] | None, typer.Option(metavar="ID", min=1, help="Jobs before which nothing of it begins; repeatable")
    ] = None,
    comment: Annotated[str | None, typer.Option(metavar="TEXT", help="Kept in its history")] = None,
) -> None:
    """Change a job, as far as its state allows; what is not named stays."""
    said: dict[str, Any] = {
        "name": name,
        "priority": priority,
        "due_at": due and moment_from(due, "--due"),
        "planned_start": start and moment_from(start, "--start"),
        "assignee": assignee,
        "group": group,
        "extent": extent and read_definition(extent),
        "depends_on": depends_on,
    }
    said = {key: value for key, value in said.items() if value is not None}
    if not said:
        raise usage("name what is to be otherwise: --priority, --due ...")
    with call.client() as client:
        job = client.change_job(job_id, **said, **({} if comment is None else {"comment": comment}))
    call.put(job, f"job {job_id} is changed: {text.safe(', '.join(said))}")
