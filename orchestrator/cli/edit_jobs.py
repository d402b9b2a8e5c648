"""Edit jobs: define their types, propose them, and archive them. What else is done with one: `do`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli import text
from orchestrator.cli.moments import moment_from
from orchestrator.cli.output import put_json, say
from orchestrator.cli.verb import DONE, FAILED, Call, usage, verb
from orchestrator.cli.workflows import named, read_definition

File = Annotated[Path, typer.Argument(metavar="FILE", help="JSON or YAML; - reads it")]
Name = Annotated[str, typer.Argument(metavar="TYPE", help="The type's name")]


def add_to(app: typer.Typer) -> None:
    """Add the groups ``job-type`` and ``edit``."""
    kinds = typer.Typer(name="job-type", help="Types of edit jobs, with their versions.", no_args_is_help=True)
    verb(kinds, "apply", epilog="Example:  orchestrator job-type apply road_edits.yaml")(apply)
    verb(kinds, "list")(list_types)
    verb(kinds, "show", epilog="Example:  orchestrator job-type show road_edits")(show)
    verb(kinds, "versions")(versions)
    verb(kinds, "delete")(delete)
    app.add_typer(kinds)
    edit = typer.Typer(name="edit", help="Edit jobs: data that people check out and edit.", no_args_is_help=True)
    verb(edit, "new", epilog='Example:  orchestrator edit new road_edits "ring road" --group editors --allocate')(new)
    verb(edit, "delete")(delete_job)
    verb(edit, "archive", epilog="Example:  orchestrator edit archive --ended-before 2030-01-31T22:00")(archive)
    app.add_typer(edit)


def apply(call: Call, file: File) -> None:
    """Make the definition in a file the newest version of the type that it names."""
    definition = read_definition(file)
    with call.client() as client:
        kept = client.apply_job_type(named(file, definition), definition)
    call.put(kept, f"job type {kept['name']}, version {kept['version']}")


def list_types(call: Call) -> None:
    """List the types of edit jobs."""
    with call.client() as client:
        call.put_list(
            client.job_types(),
            ["job type", "version#", "label", "mode", "reviewers", "steps~"],
            lambda one: (
                one["name"],
                one["version"],
                one["label"],
                one["mode"],
                one["reviewers"] if one["quarantine"] else None,
                ", ".join(one["steps"]),
            ),
            empty="no job types",
        )


def show(call: Call, name: Name) -> None:
    """Print the newest version of a type."""
    with call.client() as client:
        put_json(client.job_type(name))


def versions(call: Call, name: Name) -> None:
    """List the versions of a type, the newest first."""
    with call.client() as client:
        call.put_list(
            client.job_type_versions(name),
            ["version#", "by", "at"],
            lambda one: (one["version"], one["created_by"], text.when(one["created_at"])),
            empty="no versions",
        )


def delete(call: Call, name: Name) -> None:
    """Take a type away; its jobs keep the version that they began with."""
    with call.client() as client:
        answer = client.delete_job_type(name)
    call.put(answer, f"job type {text.safe(name)} is deleted")


def new(
    call: Call,
    job_type: Name,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the job is called")],
    *,
    assignee: Annotated[str | None, typer.Option(metavar="USER", help="Who is to do it")] = None,
    group: Annotated[str | None, typer.Option(metavar="NAME", help="Or whose members may")] = None,
    allocate: Annotated[bool, typer.Option("--allocate", help="Put it into their worklist at once")] = False,
    extent: Annotated[Path | None, typer.Option(metavar="FILE", help="Where: a file of GeoJSON")] = None,
    attributes: Annotated[str | None, typer.Option(metavar="JSON", help="What its users want to know of it")] = None,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="It is looked at before it is merged")] = False,
    start: Annotated[str | None, typer.Option(metavar="TIME", help="When it should be begun: a time, or 2h")] = None,
    due: Annotated[str | None, typer.Option(metavar="TIME", help="When it should be done: a time, or 3d")] = None,
    priority: Annotated[int | None, typer.Option(min=0, max=9, help="9 is served first")] = None,
) -> None:
    """Make an edit job of a type: Proposed, or with --allocate Allocated."""
    with call.client() as client:
        job = client.start_edit(
            job_type,
            name,
            assignee=assignee,
            group=group,
            allocate=allocate or None,
            extent=None if extent is None else read_definition(extent),
            attributes=None if attributes is None else _json(attributes),
            quarantine=quarantine or None,
            planned_start=None if start is None else moment_from(start, "--start"),
            due_at=None if due is None else moment_from(due, "--due"),
            priority=priority,
        )
    call.put(job, f"job {job['id']}, {text.safe(job['name'])}, is {job['state']}")


def delete_job(call: Call, job_id: Annotated[int, typer.Argument(metavar="ID", min=1)]) -> None:
    """Delete an edit job that is Proposed."""
    with call.client() as client:
        answer = client.delete_job(job_id)
    call.put(answer, f"job {job_id} is deleted")


def archive(
    call: Call,
    jobs: Annotated[list[int] | None, typer.Argument(metavar="ID...", min=1, help="These")] = None,
    *,
    ended_before: Annotated[str | None, typer.Option(metavar="TIME", help="Or all that had ended by then")] = None,
    job_type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Of those, only this type's")] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; kept in their histories")] = None,
) -> int:
    """Archive edit jobs that have ended: they are kept, and hidden from lists. Exit code 1 when some could not be."""
    before = None if ended_before is None else moment_from(ended_before, "--ended-before")
    if (jobs is None) == (before is None):
        raise usage("name some jobs, or give --ended-before")
    archived: list[int] = []
    refused: list[dict[str, Any]] = []
    more = True
    with call.client() as client:
        while more:
            told = client.archive(jobs, ended_before=before, job_type=job_type, reason=reason)
            archived += told["archived"]
            refused += told["refused"]
            more = told["more"] and bool(told["archived"])
    if call.json:
        put_json({"archived": archived, "refused": refused})
    else:
        say(f"{len(archived)} jobs are archived")
        for one in refused:
            say(f"job {one['job']}: {text.safe(one['reason'])}")
    return FAILED if refused else DONE


def _json(said: str) -> Any:
    try:
        return json.loads(said)
    except ValueError as error:
        raise usage(f"--attributes {said!r}: {error}") from None
