"""Pause, resume, cancel and redrive jobs, and say why one does not move."""

from typing import Annotated, Any

import typer

from orchestrator.cli import text
from orchestrator.cli.many import DryRun, JobIds, Where, do_with_many, one_of
from orchestrator.cli.output import put_json_lines, say
from orchestrator.cli.verb import DONE, Call, usage, verb
from orchestrator.cli.watch import JobId, told
from orchestrator.client.many import Deed
from orchestrator.contracts.redrive import Left

Why = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept in the job's history")]


PAUSE_EXAMPLES = """Examples:

  orchestrator pause 12 --reason "the disk is nearly full"

  orchestrator pause --where workflow=copy --where state=Started --where state=Pending --dry-run
"""
CANCEL_EXAMPLES = """Examples:

  orchestrator cancel 12 --force

  orchestrator cancel --where state=Paused --where created_before=2030-01-31 --dry-run
"""
REDRIVE_EXAMPLES = """Examples:

  orchestrator redrive 12 --watch

  orchestrator redrive 12 --include Error --step 1 --fingerprint 0123456789abcdef

  orchestrator redrive --where state=Failure --where site=paris --dry-run
"""


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    verb(app, "pause", epilog=PAUSE_EXAMPLES)(pause)
    verb(app, "resume", epilog="Examples:  orchestrator resume 12    orchestrator resume --where state=Paused")(resume)
    verb(app, "redrive", epilog=REDRIVE_EXAMPLES)(redrive)
    verb(app, "retry", epilog="Example:  orchestrator retry 4161 --watch")(retry)
    verb(app, "why", epilog="Examples:  orchestrator why 12    orchestrator why 12 --task 4096")(why)
    verb(app, "cancel", epilog=CANCEL_EXAMPLES)(cancel)


def pause(call: Call, jobs: JobIds = None, *, where: Where = None, dry_run: DryRun = False, reason: Why = None) -> int:
    """Hand out nothing more of a job, or of many; what runs is finished, and the rest waits."""
    return _do(call, "pause", jobs, where, dry_run=dry_run, reason=reason)


def resume(call: Call, jobs: JobIds = None, *, where: Where = None, dry_run: DryRun = False, reason: Why = None) -> int:
    """Let a paused job, or many, go on where it was."""
    return _do(call, "resume", jobs, where, dry_run=dry_run, reason=reason)


def cancel(
    call: Call,
    jobs: JobIds = None,
    *,
    where: Where = None,
    dry_run: DryRun = False,
    reason: Why = None,
    force: Annotated[bool, typer.Option("--force", help="Kill what runs at once, without its grace of 30 s")] = False,
) -> int:
    """Take a job, or many, out of the queues and stop what runs; what is done stays done."""
    return _do(call, "cancel", jobs, where, dry_run=dry_run, reason=reason, force=force or None)


def redrive(
    call: Call,
    jobs: JobIds = None,
    *,
    where: Where = None,
    dry_run: DryRun = False,
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
    said: dict[str, Any] = {"reason": reason, "include": [left.value for left in include] if include else None}
    job_id = one_of(jobs, where, dry_run=dry_run)
    if job_id is None:
        if step or fingerprint or watch:
            raise usage("--step, --fingerprint and --watch are for a single job, and not for a dry run")
        return do_with_many(call, "redrive", jobs, where, dry_run=dry_run, **said)
    with call.client() as client:
        job = client.redrive(job_id, steps=step, fingerprints=fingerprint, **said)
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


def _do(call: Call, deed: Deed, jobs: list[int] | None, where: list[str] | None, *, dry_run: bool, **said: Any) -> int:
    job_id = one_of(jobs, where, dry_run=dry_run)
    if job_id is None:
        return do_with_many(call, deed, jobs, where, dry_run=dry_run, **said)
    body = {name: value for name, value in said.items() if value is not None}
    with call.client() as client:
        job = client.request("POST", f"/jobs/{job_id}/{deed}", body)
    call.put(job, f"job {job_id} is {job['state']}")
    return DONE
