"""Look at jobs: the list, one of them, and its tasks, paths and history."""

from datetime import datetime
from typing import Annotated

import typer

from orchestrator.cli import complete, text
from orchestrator.cli.edit_summary import show_edit
from orchestrator.cli.output import put_json
from orchestrator.cli.summary import show_job, took
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.cli.watch import JobId
from orchestrator.contracts.views import Outcome
from orchestrator.domain.kinds import STATES
from orchestrator.domain.task import TaskState

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    verb(app, "jobs", epilog="Example:  orchestrator jobs --state Started --state Pending --site london")(jobs)
    verb(app, "job", epilog="Example:  orchestrator job 12 --json | jq .paths")(job)
    verb(app, "tasks", epilog="Example:  orchestrator tasks 12 --state Error --step 1")(tasks)
    verb(app, "paths", epilog="Example:  orchestrator paths 12 --outcome failed --json | jq -r .path")(paths)
    verb(app, "history", epilog="Example:  orchestrator history 12")(history)


def jobs(
    call: Call,
    *,
    state: Annotated[list[str] | None, typer.Option(metavar="STATE", help="Only in this state; repeatable")] = None,
    workflow: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only runs of this workflow; repeatable", autocompletion=complete.workflows),
    ] = None,
    site: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only at this site; repeatable", autocompletion=complete.sites),
    ] = None,
    owner: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only of this user; repeatable")] = None,
    created_after: Annotated[datetime | None, typer.Option(help="Only later ones (this machine's time)")] = None,
    created_before: Annotated[datetime | None, typer.Option(help="Only earlier ones (this machine's time)")] = None,
    limit: Limit = 50,
) -> None:
    """List jobs, the newest first."""
    if unknown := [word for word in state or () if word not in STATES]:
        raise usage(f"--state {unknown[0]!r}: a state is one of {', '.join(STATES)}")
    with call.client() as client:
        found = client.jobs(
            state=state,
            workflow=workflow,
            site=site,
            owner=owner,
            created_after=created_after and created_after.astimezone().isoformat(),
            created_before=created_before and created_before.astimezone().isoformat(),
            limit=limit,
        )
        call.put_list(
            found,
            ["job#", "state", "workflow", "site", "paths#", "done#", "failed#", "created", "took#", "owner"],
            lambda item: (
                item["id"],
                item["state"],
                item["workflow"] or item["name"],
                item["site"],
                item["paths"]["total"],
                item["progress"]["done"],
                item["paths"]["failed"] + item["paths"]["aborted"],
                text.when(item["created_at"]),
                took(item),
                item["owner"],
            ),
            empty="no such jobs",
        )


def job(call: Call, job_id: JobId) -> None:
    """Show one job: its state, its paths by outcome, its steps."""
    with call.client() as client:
        found = client.job(job_id)
    if call.json:
        put_json(found)
    elif found["job_type"] is not None:
        show_edit(found)
    else:
        show_job(found)


def tasks(
    call: Call,
    job_id: JobId,
    *,
    state: Annotated[list[TaskState] | None, typer.Option(help="Only in this state; repeatable")] = None,
    step: Annotated[int | None, typer.Option(min=0, help="Only of this step; the first is 0")] = None,
    site: Annotated[str | None, typer.Option(metavar="NAME", help="Only at this site")] = None,
    limit: Limit = 100,
) -> None:
    """List a job's tasks: one step over one batch of paths each."""
    with call.client() as client:
        found = client.of_job(
            job_id, "tasks", state=state and [word.value for word in state], step=step, site=site, limit=limit
        )
        call.put_list(
            found,
            [
                "task#",
                "step#",
                "action",
                "site",
                "state",
                "attempt#",
                "given#",
                "processed#",
                "skipped#",
                "failed#",
                "aborted#",
                "error~",
            ],
            lambda item: (
                str(item["id"]),
                item["step"],
                item["action"],
                item["site"],
                item["state"],
                item["attempt"],
                *(item["paths"][name] for name in ("given", "processed", "skipped", "failed", "aborted")),
                _reason(item.get("error")),
            ),
            empty="no such tasks",
        )


def _reason(error: object) -> str | None:
    """What a task's ``error`` says, in a line."""
    if isinstance(error, dict):
        parts: list[str] = [str(error[name]) for name in ("error_class", "message") if error.get(name)]  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        return ": ".join(parts) or None
    return str(error) if error else None


def paths(
    call: Call,
    job_id: JobId,
    *,
    outcome: Annotated[
        list[Outcome] | None, typer.Option(help="What became of them; repeatable  [default: failed and aborted]")
    ] = None,
    limit: Limit = 100,
) -> None:
    """List a job's paths one by one, with what became of each and why: those that failed unless told otherwise."""
    wanted = [word.value for word in outcome or (Outcome.FAILED, Outcome.ABORTED)]
    with call.client() as client:
        found = client.of_job(job_id, "paths", outcome=wanted, limit=limit)
        call.put_list(
            found,
            ["outcome", "step", "path~", "message~"],
            lambda item: (item["outcome"], text.step(item["step"]), text.path(item), item["message"]),
            empty=f"no path of job {job_id} is {' or '.join(wanted)}",
        )


def history(call: Call, job_id: JobId, *, limit: Limit = 500) -> None:
    """Show what happened to a job, and who did it, oldest first."""
    with call.client() as client:
        found = client.of_job(job_id, "history", limit=limit)
        call.put_list(
            found,
            ["seq#", "at", "actor", "event", "from", "to", "reason~"],
            lambda item: (
                item["seq"],
                text.when(item["at"]),
                item["actor"],
                item["event"],
                item["from"],
                item["to"],
                ": ".join(filter(None, (item["reason"], item["comment"]))),
            ),
            empty="nothing yet",
        )
