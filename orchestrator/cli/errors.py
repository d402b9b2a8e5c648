"""Show what went wrong: failures that are alike, of a job or across jobs, and what the failed paths share."""

from datetime import datetime
from typing import Annotated, Any

import typer

from orchestrator.cli import text
from orchestrator.cli.output import cell, put_json, put_json_lines, put_table, say
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.client import Document, DocumentClient

SPECIAL = 1.5
"""From this lift on something stands out."""

EPILOG = """Examples:

  orchestrator errors 12

  orchestrator errors 12 --fingerprint 0123456789abcdef

  orchestrator errors --since 2026-01-31 --workflow verify_and_copy
"""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    verb(app, "errors", epilog=EPILOG)(errors)


def errors(
    call: Call,
    job_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, help="The job's number  [default: all jobs]")
    ] = None,
    *,
    fingerprint: Annotated[
        list[str] | None, typer.Option(metavar="PRINT", help="Only what failed so; repeatable")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Across jobs: seen after that (this machine's time)  [default: 7 days ago]")
    ] = None,
    workflow: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Across jobs: only of this workflow")
    ] = None,
    site: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Across jobs: only at this site")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many")] = 50,
) -> None:
    """Show what went wrong in a job, failures that are alike together, and what the failed paths share.

    Without a job: across all jobs. With --json: a line a group; what is shared with --fingerprint, or in the API.
    """
    if job_id is not None and (since or workflow or site):
        raise usage("--since, --workflow and --site are for errors across jobs: leave out the job")
    with call.client() as client:
        if job_id is None:
            return _across(call, client, since, limit, workflow=workflow, site=site, fingerprint=fingerprint)
        if call.json:
            return _as_json(client, job_id, fingerprint, limit)
        return _of_job(client, job_id, fingerprint, limit)


def _as_json(client: DocumentClient, job_id: int, prints: list[str] | None, limit: int) -> None:
    if prints:
        put_json(client.shared(job_id, prints))
    else:
        put_json_lines(client.of_job(job_id, "errors", limit=limit))


def _of_job(client: DocumentClient, job_id: int, prints: list[str] | None, limit: int) -> None:
    found = [
        item
        for item in client.of_job(job_id, "errors", limit=None if prints else limit)
        if not prints or item["fingerprint"] in prints
    ]
    put_table(
        ["paths#", "step", "action", "error", "message~", "for example~", "hosts~", "fingerprint"],
        (
            (
                item["paths"],
                text.step(item["step"]),
                item["action"],
                item["error_class"],
                item["message"],
                next((text.path(path) for path in item["example_paths"]), None),
                ", ".join(item["hosts"]),
                item["fingerprint"],
            )
            for item in found
        ),
        empty=f"no path of job {job_id} has failed" + (" so" if prints else ""),
    )
    if found:
        _show_shared(client.shared(job_id, prints or ()))
        say(f"once that is mended: orchestrator redrive {job_id} --fingerprint {found[0]['fingerprint']}")
    if reason := client.job(job_id)["reason"]:
        say(f"job {job_id}: {text.safe(reason)}")


def _show_shared(told: Document) -> None:
    if not told["items"]:
        return
    say()
    estimated = f", estimated from {text.number(told['failed']['looked_at'])} of them" if told["sampled"] else ""
    say(f"what the {text.number(told['failed']['paths'])} failed paths share{estimated}:")
    put_table(
        ["", "~", "of the failed#", "of all#", "times as often#"],
        (
            (
                item["trait"],
                _value(item),
                _part(item["failed"], item["failed_known"]),
                _part(item["all"], item["all_known"]),
                cell(f"{item['lift']:.1f}") if item["lift"] < SPECIAL else _standing_out(item["lift"]),
            )
            for item in told["items"]
        ),
        empty="",
    )


def _standing_out(lift: float) -> Any:
    shown = cell(f"{lift:.1f}")
    shown.stylize("bold red")
    return shown


def _value(item: Document) -> str:
    if item["trait"] == "time":
        return " to ".join(map(text.when, item["value"].split("/")))
    return text.path(item["value"])


def _part(some: int, of: int) -> str:
    return f"{some:,} of {of:,}"


def _across(
    call: Call, client: DocumentClient, since: datetime | None, limit: int, **filters: list[str] | None
) -> None:
    found = client.errors_seen(since=since and since.astimezone().isoformat(), limit=limit, **filters)
    if call.json:
        return put_json_lines(found)
    put_table(
        [
            "paths#",
            "jobs#",
            "latest job#",
            "action",
            "error",
            "message~",
            "sites~",
            "first seen",
            "last seen",
            "fingerprint",
        ],
        (
            (
                item["paths"],
                item["jobs"],
                item["job_ids"][0],
                item["action"],
                item["error_class"],
                item["message"],
                ", ".join(item["sites"]),
                text.when(item["first_at"]),
                text.when(item["last_at"]),
                item["fingerprint"],
            )
            for item in found
        ),
        empty="nothing has failed" + ("" if since else " in the last 7 days"),
    )
    return None
