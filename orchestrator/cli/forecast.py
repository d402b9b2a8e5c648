"""Show what a dry run has found: what would run where, and how long that would take."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from orchestrator.cli.output import put_facts, put_json, put_table, say
from orchestrator.cli.text import duration, safe
from orchestrator.cli.verb import DONE, FAILED, Call, verb
from orchestrator.client import Document, DocumentClient


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    verb(app, "forecast", epilog="Example:  orchestrator forecast 12")(forecast)


def forecast(
    call: Call, job_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="The number of a dry run")]
) -> None:
    """Show what a dry run has found: what would run where, and how long that would take."""
    with call.client() as client:
        show(call, client.forecast(job_id))


def foretell(call: Call, client: DocumentClient, job_id: int) -> int:
    """Wait until a dry run has found all, and show it; the exit code."""
    state = ""
    for job in client.follow(job_id):
        state = job["state"]
    show(call, client.forecast(job_id))
    return DONE if state == "Success" else FAILED


def show(call: Call, found: Document) -> None:
    """Show it, or as JSON."""
    if call.json:
        return put_json(found)
    put_facts(
        {
            "dry run": f"job {found['job_id']}" + ("" if found["final"] else ", which still looks"),
            "would be worked on": f"{found['paths']:,} paths",
            "took no rule": f"{found['unmatched']:,}" if found["unmatched"] else None,
            "unreadable": f"{found['unreadable']:,}" if found["unreadable"] else None,
            "expected": None if found["expected_s"] is None else f"about {duration(found['expected_s'])}",
            "not known": "; ".join(map(safe, found["unknown"])) or None,
        }
    )
    say()
    columns = ["rule#", "paths#", "step#", "action", "where", "tasks#", "processes#", "a path takes", "all of it~"]
    put_table(columns, _rows(found["rules"]), empty="there is no rule")
    return None


def _rows(rules: list[Document]) -> Iterator[tuple[Any, ...]]:
    for rule in rules:
        for step in rule["steps"]:
            where = f"{step['site']}.{step['queue']}" if step["site"] else step["group"] or "people"
            pace = None if step["seconds_per_path"] is None else f"{step['seconds_per_path']:.3g} s"
            whole = None if step["seconds"] is None else duration(step["seconds"])
            first = (rule["rule"], rule["paths"]) if step["step"] == 0 else ("", "")
            told = (step["step"], step["label"] or step["action"], where, step["tasks"], step["processes"], pace, whole)
            yield (*first, *told)
