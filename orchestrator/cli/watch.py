"""Watch a job to its end: live bars on a terminal, plain lines elsewhere. Ctrl-C stops the watching, not the job."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer
from rich.live import Live

from orchestrator.cli import complete
from orchestrator.cli.bars import Bars, line
from orchestrator.cli.events import Kind, Owner, Site, Workflow, follow_all
from orchestrator.cli.output import console, put_json, say, warn
from orchestrator.cli.summary import show_end
from orchestrator.cli.verb import DONE, FAILED, INTERRUPTED, Call, usage, verb
from orchestrator.client import DocumentClient

JobId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The job's number", autocompletion=complete.job_ids)]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    verb(app, "watch", epilog="Example:  orchestrator watch 12")(watch)


def watch(
    call: Call,
    job_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, help="The job's number  [default: all jobs]")
    ] = None,
    *,
    site: Site = None,
    workflow: Workflow = None,
    kind: Kind = None,
    owner: Owner = None,
) -> int:
    """Watch a job with live bars until it ends; exit code 0 only if it ends Success. Without ID, what happens to all.

    Without a terminal: a line whenever something has changed, at most one a second. With --json: a document of the
    job at each change, the last one at its end.
    """
    filters = {"site": site, "workflow": workflow, "kind": kind, "owner": owner}
    if job_id is None:
        return follow_all(call, filters)
    if any(filters.values()):
        raise usage("--site, --workflow, --kind and --owner are for watching all jobs: leave out the job")
    with call.client() as client:
        return follow(client, job_id, as_json=call.json)


def follow(client: DocumentClient, job_id: int, *, as_json: bool = False) -> int:
    """Show the job to its end; the exit code."""
    last: dict[str, Any] | None = None
    try:
        for job in _shown(client.follow(job_id), as_json):
            last = job
    except KeyboardInterrupt:
        warn(f"stopped watching; job {job_id} goes on (orchestrator watch {job_id})")
        return INTERRUPTED
    if last is None:
        return FAILED
    if not as_json:
        show_end(client, last)
    return DONE if last["state"] == "Success" else FAILED


def told(call: Call, client: DocumentClient, job: dict[str, Any], said: str, *, watch: bool) -> int:
    """Answer with a job that has just been made: watched to its end, or in a sentence; the exit code."""
    if watch:
        return follow(client, job["id"], as_json=call.json)
    call.put(job, f"{said}; watch it with: orchestrator watch {job['id']}")
    return DONE


def _shown(jobs: Iterable[dict[str, Any]], as_json: bool) -> Iterator[dict[str, Any]]:
    if as_json:
        return _as_json(jobs)
    return _as_bars(jobs) if sys.stdout.isatty() else _as_lines(jobs)


def _as_json(jobs: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    shown: dict[str, Any] | None = None
    for job in jobs:
        if job != shown:
            put_json(job)
        shown = job
        yield job


def _as_bars(jobs: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    bars = Bars()
    with Live(bars, console=console(), refresh_per_second=8, transient=False):
        for job in jobs:
            bars.update(job)
            yield job


def _as_lines(jobs: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    shown, at = "", float("-inf")
    for job in jobs:
        text, now = line(job), time.monotonic()
        if text != shown and (now - at >= 1 or job["ended_at"]):
            say(text)
            shown, at = text, now
        yield job
