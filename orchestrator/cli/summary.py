"""Show what became of a job: its facts, its steps, its paths by outcome, and a few of those that failed."""

from typing import Any

from rich.table import Table

from orchestrator.cli.bars import step_counts, step_name
from orchestrator.cli.output import cell, console, put_facts, say, table
from orchestrator.cli.text import duration, moment, path, when
from orchestrator.client import ApiRefused, DocumentClient
from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.domain.task import TASK

SHOWN_FAILURES = 5
OUTCOMES = ("total", "processed", "skipped", "failed", "aborted", "cancelled", "unmatched")


def took(job: dict[str, Any]) -> str | None:
    """From submission to end, None while it goes on."""
    begun, ended = moment(job["created_at"]), moment(job["ended_at"])
    return duration((ended - begun).total_seconds()) if begun and ended else None


def steps_table(job: dict[str, Any]) -> Table:
    """A row a step: its tasks, and how many are in each state."""
    rows = [
        (step_name(step), step_counts(step)[0], *(cell(step[state] or None) for state in TASK.words))
        for step in job["steps"]
    ]
    return table(["step", "tasks#", *(f"{state}#" for state in TASK.words)], rows)


def outcomes_table(job: dict[str, Any]) -> Table:
    """One row: the paths by what became of them, each counted once."""
    return table([f"{name}#" for name in ("paths", *OUTCOMES[1:])], [[job["paths"].get(name, 0) for name in OUTCOMES]])


def show_job(job: dict[str, Any]) -> None:
    """Everything about one job that a person asks for first."""
    discovery = job["discovery"]
    put_facts(
        {
            "job": job["id"],
            "state": cell(job["state"]),
            "reason": job.get("reason"),
            "workflow": f"{job['workflow']} (version {job['workflow_version']})",
            "site": job["site"],
            "queue": job["queue"],
            "priority": job["priority"],
            "owner": job["owner"],
            "fields": _fields(job["fields"]),
            "discovery": f"{discovery['state']}, found {discovery['found']:,}",
            "created": when(job["created_at"]),
            "not before": when(job["not_before"]) if job["not_before"] else None,
            "deadline": when(job["deadline"]) if job["deadline"] else None,
            "redrive of": job["redrive_of"],
            "held": _holds(job["holds"]),
            "started": when(job["started_at"]) if job["started_at"] else None,
            "ended": when(job["ended_at"]) if job["ended_at"] else None,
            "took": took(job),
            "receipt": _fields(job["receipt"] or {}),
        }
    )
    _tables(job)


def _holds(holds: list[dict[str, Any]]) -> str | None:
    return "; ".join(f"{hold['reason']} (hold {hold['id']}, by {hold['author']})" for hold in holds) or None


def _fields(fields: dict[str, Any]) -> str | None:
    return ", ".join(f"{name}={value}" for name, value in fields.items()) or None


def show_end(client: DocumentClient, job: dict[str, Any]) -> None:
    """The last word on a job that was watched: state, tables, and the first failed paths with where to look."""
    style = {"Success": "bold green", "Failure": "bold red"}.get(job["state"], "bold yellow")
    say(
        f"job {job['id']} {job['state']} in {took(job) or '?'}" + (f": {job['reason']}" if job.get("reason") else ""),
        style,
    )
    _tables(job)
    if job["paths"].get("failed", 0) + job["paths"].get("aborted", 0) and job["state"] in BATCH_JOB.terminal:
        show_failures(client, job)


def _tables(job: dict[str, Any]) -> None:
    say()
    console().print(outcomes_table(job))
    if job["steps"]:
        say()
        console().print(steps_table(job))


def show_failures(client: DocumentClient, job: dict[str, Any]) -> None:
    """A few failed paths with their reasons, and the command that shows them all."""
    say()
    try:
        failures = list(client.of_job(job["id"], "paths", outcome=["failed", "aborted"], limit=SHOWN_FAILURES))
    except ApiRefused as refused:
        # The job's end is told already: this list is an extra, and must not change how the command ends.
        say(f"its failed paths can not be listed: {refused}", "yellow")
        failures = []
    for item in failures:
        step = "discovery" if item["step"] is None else f"step {item['step']}"
        say(f"  {item['outcome']} in {step}: {path(item)}", "red")
        if item["message"]:
            say(f"    {item['message']}")
    say(f"where to look: orchestrator errors {job['id']}   orchestrator paths {job['id']}")
