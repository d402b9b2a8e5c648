"""Stream paths into a job, from standard input."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from io import BufferedReader
from typing import Annotated, cast

import typer

from orchestrator.cli.verb import Call, usage, verb
from orchestrator.cli.watch import JobId
from orchestrator.client import ApiRefused, Document, DocumentClient, path_input
from orchestrator.errors import Unreachable

EPILOG = """Examples:

  find /data -newer stamp -print0 | orchestrator stream 12 -0

  orchestrator stream 12 --append --keep-open < more-files
"""

_LINES, _BYTES = 10_000, 1024 * 1024
"""Sent at once."""
_WAIT_S = 2.0
"""How long a few lines wait for more to be sent with."""
_PATIENCE_S = 60.0
"""How long a service that does not answer is asked again."""
_NDJSON = {"Content-Type": "application/x-ndjson"}

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
        offset = int(client.job(job_id)["discovery"].get("cursor") or 0) if append else 0
        answer = send(
            client,
            job_id,
            read_lines(cast(BufferedReader, sys.stdin.buffer), nul=nul, ndjson=ndjson),
            offset,
            close=not keep_open,
        )
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


def send(
    client: DocumentClient, job_id: int, lines: Iterable[bytes], offset: int = 0, *, close: bool = True
) -> Document:
    """Send lines, of which the first has this number in the whole stream; the last answer.

    Each piece is sent again while the service does not answer, for a minute. Unreachable then.
    """
    answer = _post(client, job_id, b"", offset=0)
    for piece, n in _pieces(lines):
        if offset + n > answer["lines"]:
            answer = _post(client, job_id, piece, offset=offset)
        offset += n
    return _post(client, job_id, b"", offset=offset, close="true") if close else answer


def _post(client: DocumentClient, job_id: int, piece: bytes, **params: object) -> Document:
    give_up = time.monotonic() + _PATIENCE_S
    while True:
        try:
            path = f"/jobs/{job_id}/paths"
            return client.request("POST", path, content=piece, params=params, headers=_NDJSON)
        except (Unreachable, ApiRefused) as error:
            away = isinstance(error, Unreachable) or error.status == 503
            if not away or time.monotonic() > give_up:
                raise
        time.sleep(0.5)


def _pieces(lines: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Some lines at once, and how many."""
    some: list[bytes] = []
    size, since = 0, time.monotonic()
    for line in lines:
        some.append(line)
        size += len(line)
        if len(some) >= _LINES or size >= _BYTES or time.monotonic() - since > _WAIT_S:
            yield b"\n".join(some) + b"\n", len(some)
            some, size, since = [], 0, time.monotonic()
    if some:
        yield b"\n".join(some) + b"\n", len(some)


def _entries(file: BufferedReader) -> Iterator[bytes]:
    """What is before each NUL, as it comes."""
    rest = b""
    while piece := file.read1(64 * 1024):
        *whole, rest = (rest + piece).split(b"\0")
        yield from whole
    if rest:
        yield rest
