"""The data of edit jobs: the package to edit, and the edits."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.output import put_json, say
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.domain.duration import seconds

PACKAGE_EXAMPLES = "Examples:  orchestrator package 12    orchestrator package 12 --to roads.geojson --only"
EDITS_EXAMPLES = """Example:  orchestrator edits 12 roads.geojson --comment "the new bridge" --time-spent 90m"""

EditJob = Annotated[int, typer.Argument(metavar="JOB", min=1, help="The edit job's number")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    verb(app, "package", epilog=PACKAGE_EXAMPLES)(package)
    verb(app, "edits", epilog=EDITS_EXAMPLES)(edits)


def package(
    call: Call,
    job_id: EditJob,
    *,
    to: Annotated[
        Path, typer.Option("--to", metavar="PATH", help="The folder, or the name of the file, to put it")
    ] = Path(),
    only: Annotated[bool, typer.Option("--only", help="Leave the job as it is")] = False,
) -> None:
    """Fetch the package of an edit job, which is downloaded thereby. Cut short, it goes on where it was."""
    if not (to.is_dir() or to.parent.is_dir()):
        raise usage(f"{to}: there is no folder {to.parent}")
    with call.client() as client:
        file = client.fetch_package(job_id, to)
        job = client.job(job_id)
        if not only and "Download" in job["legal_events"]:
            job = client.fire(job_id, "download")
    if call.json:
        put_json({"file": str(file), "job": job})
    else:
        say(f"{file}: the package of job {job_id}, which is {job['state']}")


def edits(
    call: Call,
    job_id: EditJob,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What was edited")],
    *,
    comment: Annotated[str | None, typer.Option("--comment", metavar="TEXT", help="What is to be said of it")] = None,
    time_spent: Annotated[
        str | None, typer.Option("--time-spent", metavar="TIME", help="What it took: 90m, 1h30m")
    ] = None,
    only: Annotated[
        bool, typer.Option("--only", help="Send them; they are uploaded later, with `do JOB upload`")
    ] = False,
) -> None:
    """Send the edits of an edit job, and have them checked and merged. Cut short, it goes on where it was."""
    if not file.is_file():
        raise usage(f"{file}: there is no such file")
    said = {"comment": comment, "time_spent": time_spent}
    try:
        seconds(time_spent or 0)
    except ValueError as error:
        raise usage(f"--time-spent {time_spent}: {error}") from None
    with call.client() as client:
        told = client.send_edits(job_id, file)
        job = client.job(job_id) if only else client.fire(job_id, "upload", **_given(said))
    if call.json:
        put_json({"edits": told, "job": job})
    else:
        say(f"{told['sent']['size']:,} bytes sent; job {job_id} is {job['state']}")


def _given(said: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in said.items() if value is not None}
