"""Pause, resume, cancel and redrive a job, and say why it does not move."""

from typing import Annotated, Any

import typer

from orchestrator.cli import text
from orchestrator.cli.output import put_json_lines, say
from orchestrator.cli.verb import Call, verb
from orchestrator.cli.watch import JobId, told
from orchestrator.contracts.redrive import Left

Why = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept in the job's history")]


REDRIVE_EXAMPLES = """Examples:

  orchestrator redrive 12 --watch

  orchestrator redrive 12 --include Error --step 1 --fingerprint 0123456789abcdef
"""


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    verb(app, "pause", epilog='Example:  orchestrator pause 12 --reason "the disk is nearly full"')(pause)
    verb(app, "resume", epilog="Example:  orchestrator resume 12")(resume)
    verb(app, "redrive", epilog=REDRIVE_EXAMPLES)(redrive)
    verb(app, "retry", epilog="Example:  orchestrator retry 4161 --watch")(retry)
    verb(app, "why", epilog="Examples:  orchestrator why 12    orchestrator why 12 --task 4096")(why)
    verb(app, "cancel", epilog="Example:  orchestrator cancel 12 --force")(cancel)


def pause(call: Call, job_id: JobId, *, reason: Why = None) -> None:
    """Hand out nothing more of a job; what runs is finished, and the rest waits."""
    _ask(call, job_id, "pause", {"reason": reason})


def resume(call: Call, job_id: JobId, *, reason: Why = None) -> None:
    """Let a paused job go on where it was."""
    _ask(call, job_id, "resume", {"reason": reason})


def cancel(
    call: Call,
    job_id: JobId,
    *,
    reason: Why = None,
    force: Annotated[bool, typer.Option("--force", help="Kill what runs at once, without its grace of 30 s")] = False,
) -> None:
    """Take a job out of the queues and stop what runs; what is done stays done."""
    _ask(call, job_id, "cancel", {"reason": reason, "force": force})


def redrive(
    call: Call,
    job_id: JobId,
    *,
    include: Annotated[
        list[Left] | None, typer.Option(help="Only what was left so; repeatable. All three, where none is given")
    ] = None,
    step: Annotated[
        list[int] | None, typer.Option(metavar="N", min=0, help="Only what stopped at this step; repeatable")
    ] = None,
    fingerprint: Annotated[
        list[str] | None,
        typer.Option(metavar="PRINT", help="Only what failed so (see: orchestrator errors ID); repeatable"),
    ] = None,
    reason: Why = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Watch the new job; exit 0 only if it ends Success")
    ] = False,
) -> int:
    """Start a new job with only what did not succeed, each path from the step at which it stopped."""
    said: dict[str, Any] = {"steps": step, "fingerprints": fingerprint, "reason": reason}
    if include:
        said["include"] = [left.value for left in include]
    with call.client() as client:
        job = client.request("POST", f"/jobs/{job_id}/redrive", said)
        return told(call, client, job, f"job {job['id']} redrives job {job_id}", watch=watch)


def retry(
    call: Call,
    task: Annotated[int, typer.Argument(metavar="TASK", min=1, help="The task's number (see: orchestrator tasks ID)")],
    *,
    reason: Why = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Watch the new job; exit 0 only if it ends Success")
    ] = False,
) -> int:
    """Try a single task again: a new job with only what stopped in it. Its own job has to have ended."""
    with call.client() as client:
        job = client.retry(task, reason)
        return told(call, client, job, f"job {job['id']} tries task {task} again", watch=watch)


def why(
    call: Call,
    job_id: JobId,
    *,
    task: Annotated[int | None, typer.Option("--task", metavar="ID", help="Why this task of it does not move")] = None,
) -> None:
    """Say why a job, or one of its tasks, does not move, and what would free it."""
    with call.client() as client:
        path = f"/jobs/{job_id}/why" if task is None else f"/tasks/{task}/why"
        causes = client.request("GET", path)["items"]
    if call.json:
        return put_json_lines(causes)
    if not causes:
        say("nothing holds it up")
    for cause in causes:
        say(text.safe(cause["detail"]))
        say(f"    -> {text.safe(cause['frees'])}")
    return None


def _ask(call: Call, job_id: int, what: str, said: dict[str, Any]) -> None:
    with call.client() as client:
        job = client.request("POST", f"/jobs/{job_id}/{what}", said)
    call.put(job, f"job {job_id} is {job['state']}")
