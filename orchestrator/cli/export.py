"""Take a job's ledger out: every path with what became of it, as CSV, JSON lines or Parquet."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.output import put_json, say
from orchestrator.cli.text import size
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.cli.watch import JobId
from orchestrator.client import DocumentClient
from orchestrator.client.files import Kind
from orchestrator.contracts.views import Outcome

EPILOG = """Examples:

  orchestrator export 12 > job12.csv

  orchestrator export 12 --json --outcome failed | jq -r .path

  orchestrator export 12 --parquet job12.parquet
"""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    verb(app, "export", epilog=EPILOG)(export)


def export(
    call: Call,
    job_id: JobId,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; its ending says how: .csv, .jsonl")
    ] = None,
    parquet: Annotated[Path | None, typer.Option(metavar="FILE", help="A Parquet file (the API needs pyarrow)")] = None,
    outcome: Annotated[list[Outcome] | None, typer.Option(help="Only paths that came to this; repeatable")] = None,
) -> None:
    """Write a job's ledger: every path, how far it came, what became of it and why. CSV unless told otherwise.

    It is written as it comes, whatever its size. A file appears under its name only once it is whole.
    """
    if output and parquet:
        raise usage("give either --output or --parquet")
    file = parquet or output
    ending = "parquet" if parquet else file.suffix.lstrip(".") if file else "jsonl" if call.json else "csv"
    if ending not in ("csv", "jsonl", "parquet"):
        raise usage(f"--output {str(file)!r}: its ending has to be one of .csv, .jsonl, .parquet")
    wanted = [word.value for word in outcome or ()]
    with call.client() as client:
        if file is None:
            for piece in client.export(job_id, ending, outcome=wanted):
                sys.stdout.buffer.write(piece)
            sys.stdout.flush()
            return
        _save(client, job_id, file, ending, wanted)
    written = file.stat().st_size
    if call.json:
        put_json({"job_id": job_id, "file": str(file), "bytes": written})
    else:
        say(f"job {job_id}: {file}, {size(written)}")


def _save(client: DocumentClient, job_id: int, file: Path, ending: Kind, outcome: list[str]) -> None:
    part = file.with_name(f"{file.name}.part")
    try:
        try:
            with part.open("wb") as target:
                for piece in client.export(job_id, ending, outcome=outcome):
                    target.write(piece)
            os.replace(part, file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise usage(f"{file}: {error.strerror}") from error
