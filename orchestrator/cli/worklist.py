"""What waits for you, and doing it."""

from typing import Annotated

import typer

from orchestrator.cli import text
from orchestrator.cli.verb import Call, usage, verb

WORKLIST_EXAMPLES = "Examples:  orchestrator worklist    orchestrator worklist --group qa"
DO_EXAMPLES = """Examples:

  orchestrator do 12 start

  orchestrator do 13 claim --task 4096

  orchestrator do 13 reject --task 4096 --path 3 --path 7 --comment "blurred"

  orchestrator do 13 accept --include "*.tif"

  orchestrator do 14 upload --comment "a new roundabout" --time-spent 2h
"""
_ANSWERS = ("accept", "reject")
_OF_ONE_TASK = ("claim", "give-back")


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    verb(app, "worklist", epilog=WORKLIST_EXAMPLES)(worklist)
    verb(app, "do", epilog=DO_EXAMPLES)(do)


def worklist(
    call: Call,
    *,
    group: Annotated[str | None, typer.Option(metavar="NAME", help="What waits for this group")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="What waits for anybody; for planners")] = False,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="The most items")] = None,
) -> None:
    """List what waits for you: the highest priority first, then what is due first."""
    with call.client() as client:
        found = client.pages("/worklist", limit=limit, group=group, all=everybody or None)
        call.put_list(
            found,
            ["job#", "task", "kind", "what", "state", "prio#", "due", "with", "do~"],
            lambda item: (
                item["job_id"],
                item["task_id"] and str(item["task_id"]),
                item["kind"],
                item["name"] or item["workflow"],
                item["state"],
                item["priority"],
                text.when(item["due_at"]) + (" OVERDUE" if item["overdue"] else ""),
                item["assignee"] or item["group"],
                "held" if item["held"] else ", ".join(item["legal_events"]),
            ),
            empty="nothing waits",
        )


def do(
    call: Call,
    job_id: Annotated[int, typer.Argument(metavar="JOB", min=1, help="The job's number")],
    event: Annotated[str, typer.Argument(metavar="EVENT", help="What is done, as `worklist` shows it: start, accept")],
    *,
    task: Annotated[
        int | None, typer.Option("--task", metavar="ID", min=1, help="A task of a manual step; see `worklist`")
    ] = None,
    path: Annotated[
        list[int] | None,
        typer.Option("--path", metavar="N", min=0, help="Only this path of the task, by its index; repeatable"),
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option("--include", metavar="GLOB", help="Only paths that match; repeatable")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="GLOB", help="No paths that match; repeatable")
    ] = None,
    step: Annotated[
        int | None, typer.Option("--step", metavar="N", min=0, help="Without --task: only what waits at this step")
    ] = None,
    comment: Annotated[str | None, typer.Option("--comment", metavar="TEXT", help="What is to be said of it")] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; some events need it")] = None,
    assignee: Annotated[str | None, typer.Option(metavar="USER", help="With allocate: who is to do it")] = None,
    group: Annotated[str | None, typer.Option(metavar="NAME", help="With allocate: or whose members may")] = None,
    time_spent: Annotated[
        str | None, typer.Option(metavar="TIME", help="With upload: what it took, such as 2h")
    ] = None,
) -> None:
    """Do something that waits for you: fire an event at a job, or decide what waits at its manual steps.

    `accept` and `reject` without --task decide all that waits in the job, but what others have claimed.
    """
    if task is None and event in _OF_ONE_TASK:
        raise usage(f"{event} is for one task: name it with --task")
    said = {"comment": comment, "reason": reason, "include": include, "exclude": exclude, "paths": path, "step": step}
    said |= {"assignee": assignee, "group": group, "time_spent": time_spent}
    said = {name: value for name, value in said.items() if value}
    if step is not None:
        said["step"] = step
    with call.client() as client:
        if task is not None:
            told = client.fire_at_task(task, event, **said)
            line = f"task {task} of job {job_id} is {told['state']}"
        elif event in _ANSWERS:
            told = client.decide(job_id, event, **said)
            line = f"{told['paths']:,} paths of {told['tasks']:,} tasks"
        else:
            told = client.fire(job_id, event, **said)
            line = f"job {job_id} is {told['state']}"
    call.put(told, line)
