"""Stream paths into a job, from standard input."""

import json
import sys
from collections.abc import Iterator
from io import BufferedReader
from typing import Annotated, cast

import typer

from orchestrator.cli.verb import Call, usage, verb
from orchestrator.cli.watch import JobId
from orchestrator.client import path_input

EPILOG = """Examples:

  find /data -newer stamp -print0 | orchestrator stream 12 -0

  orchestrator stream 12 --append --keep-open < more-files
"""

Null = Annotated[bool, typer.Option("-0", "--null", help="Paths end with NUL, as `find -print0` writes them")]
Ndjson = Annotated[
    bool, typer.Option("--ndjson", help='Lines are JSON: "path", or {"path" or "path_b64", "state", "size"}')
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    verb(app, "stream", epilog=EPILOG)(stream)


def stream(
    call: Call,
    job_id: JobId,
    *,
    nul: Null = False,
    ndjson: Ndjson = False,
    append: Annotated[
        bool, typer.Option("--append", help="All lines are new; else the first is the first of the whole stream")
    ] = False,
    keep_open: Annotated[bool, typer.Option("--keep-open", help="More is to come: do not close the stream")] = False,
) -> None:
    """Stream paths from standard input into a job whose discovery is `stream`, a path a line.

    The same lines may be sent again after a break: what the job has already is left out.
    """
    with call.client() as client:
        lines = read_lines(cast(BufferedReader, sys.stdin.buffer), nul=nul, ndjson=ndjson)
        answer = client.add_lines(job_id, lines, offset=None if append else 0, close=not keep_open)
    call.put(answer, f"job {job_id} has {answer['lines']} lines{', and no more will come' if answer['closed'] else ''}")


def read_lines(file: BufferedReader, *, nul: bool, ndjson: bool) -> Iterator[bytes]:
    """Each path as a line of JSON, without its end."""
    if nul and ndjson:
        raise usage("--null and --ndjson: lines of JSON end with a newline")
    for entry in _entries(file) if nul else file:
        line = entry.removesuffix(b"\n") if not nul else entry
        if ndjson:
            yield line
        elif line:
            yield json.dumps(path_input(line)).encode("ascii")


def _entries(file: BufferedReader) -> Iterator[bytes]:
    """What is before each NUL, as it comes."""
    rest = b""
    while piece := file.read1(64 * 1024):
        *whole, rest = (rest + piece).split(b"\0")
        yield from whole
    if rest:
        yield rest
