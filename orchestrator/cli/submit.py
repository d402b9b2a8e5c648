"""Submit a job: a workflow over paths at a site."""

import sys
from io import BufferedReader
from pathlib import Path
from typing import Annotated, cast

import typer

from orchestrator.cli import complete
from orchestrator.cli.fields import read_fields
from orchestrator.cli.forecast import foretell
from orchestrator.cli.job_options import Discovery, Fields, MaybeSite, Priority, Queue, Version, walks
from orchestrator.cli.moments import moment_from
from orchestrator.cli.output import warn
from orchestrator.cli.starts import read_starts
from orchestrator.cli.stream import Ndjson, Null, read_lines
from orchestrator.cli.submit_many import submit_many
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.cli.watch import told
from orchestrator.client import Document, DocumentClient

EPILOG = """Examples:

  orchestrator submit verify_and_copy /data/in --site london --field destinationsite=paris --watch

  find . -name '*.tif' -print0 | orchestrator submit checksum --site london --paths-from - -0

  find / -name '*.tif' -print0 | orchestrator submit checksum - --discovery stream --site london -0

  orchestrator submit --file jobs.ndjson
"""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    verb(app, "submit", epilog=EPILOG)(submit)


def submit(
    call: Call,
    workflow: Annotated[
        str | None,
        typer.Argument(
            metavar="WORKFLOW",
            show_default=False,
            help="The workflow's name (see: orchestrator workflows)",
            autocompletion=complete.workflows,
        ),
    ] = None,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...",
            show_default=False,
            help="Where to start: folders to walk, or the very paths; - for a stream: they come from standard input",
        ),
    ] = None,
    *,
    site: MaybeSite = None,
    field: Fields = None,
    queue: Queue = None,
    priority: Priority = None,
    discovery: Discovery = None,
    not_before: Annotated[
        str | None, typer.Option(metavar="TIME", help="Nothing begins before: a time, or how long from now (2h)")
    ] = None,
    deadline: Annotated[
        str | None, typer.Option(metavar="TIME", help="It is cancelled if it has not ended then: as above")
    ] = None,
    paths_from: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read more paths from a file, one a line; - is standard input")
    ] = None,
    nul: Null = False,
    ndjson: Ndjson = False,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", metavar="FILE", help="Submit many: a line of JSON for each, as POST /jobs takes it; - reads it"
        ),
    ] = None,
    max_running: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="At most so many of its tasks run at once")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Submitting again with the same text gives the same job")
    ] = None,
    version: Version = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only find the paths, and show what would run where; nothing is run")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Watch it with live bars; exit 0 only if it ends Success")
    ] = False,
) -> int:
    """Submit a job: run a workflow over paths at a site; or, with --file, many jobs.

    A relative PATH is made absolute, seen from the current folder, when it names something here or when the workflow
    walks folders. Links in it are left as they are. Names may hold any bytes. Where the discovery is `stream`,
    PATH is -, and paths go to the job as they come from standard input, however many.
    """
    if file is not None:
        if workflow is not None or site is not None or watch or dry_run:
            raise usage("with --file each line says by itself what is to be submitted")
        return submit_many(call, file, idempotency_key)
    if workflow is None or site is None:
        raise usage("give a WORKFLOW and its --site, or --file FILE")
    if not paths and paths_from is None:
        raise usage("give at least one PATH, or --paths-from FILE")
    times = {
        "not_before": not_before and moment_from(not_before, "--not-before"),
        "deadline": deadline and moment_from(deadline, "--deadline"),
    }
    with call.client() as client:
        definition = client.workflow(workflow) if version is None else client.workflow_version(workflow, version)
        method = discovery or definition.get("discovery")
        streams = method == "stream"
        if streams != (paths == ["-"]) or (ndjson and not streams) or (paths_from is not None and streams):
            raise usage("where the discovery is stream, and only there, PATH is -, and --ndjson may say what comes")
        job = client.submit(
            workflow,
            site,
            () if streams else read_starts(paths or (), paths_from, nul=nul, walked=walks(method)),
            fields=read_fields(field or (), definition.get("fields") or ()),
            idempotency_key=idempotency_key,
            queue=queue,
            priority=priority,
            discovery=discovery,
            max_running=max_running,
            workflow_version=version,
            dry_run=dry_run or None,
            **times,
        )
        if streams:
            job = _fed(client, job["id"], nul=nul, ndjson=ndjson)
        if dry_run:
            return foretell(call, client, job["id"])
        return told(call, client, job, f"job {job['id']} is {job['state']}", watch=watch)


def _fed(client: DocumentClient, job: int, *, nul: bool, ndjson: bool) -> Document:
    """The job when it has been sent all that comes from standard input."""
    warn(f"job {job} takes paths; after a break send them again: orchestrator stream {job}")
    lines = read_lines(cast(BufferedReader, sys.stdin.buffer), nul=nul, ndjson=ndjson)
    client.add_lines(job, lines, offset=0, close=True)
    return client.job(job)
