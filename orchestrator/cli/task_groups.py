"""Task groups: define them, start group jobs, and call the tools of these."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from orchestrator.cli import text
from orchestrator.cli.definition import named, read_definition, written
from orchestrator.cli.output import put_json, put_table, say
from orchestrator.cli.plot import FORMATS, NoPlotter, draw_durations
from orchestrator.cli.verb import Call, usage, verb

GroupJob = Annotated[int, typer.Argument(metavar="ID", min=1, help="The group job's number")]
Why = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept in the job's history")]


def add_to(app: typer.Typer) -> None:
    """Add the group ``group``."""
    group = typer.Typer(
        name="group", help="Work for people, in order: task groups and their jobs.", no_args_is_help=True
    )
    verb(group, "define", epilog="Example:  orchestrator group define map_sheet.yaml")(define)
    verb(group, "list")(list_definitions)
    verb(group, "show", epilog="Example:  orchestrator group show sheet > sheet.yaml")(show)
    verb(group, "delete")(delete)
    verb(group, "start", epilog='Example:  orchestrator group start map_sheet --name "sheet 12"')(start)
    verb(group, "tasks", epilog="Example:  orchestrator group tasks 12")(tasks)
    verb(group, "task-list")(set_list)
    verb(group, "next-task")(next_task)
    verb(group, "task-job")(task_job)
    verb(group, "task-status", epilog="Example:  orchestrator group task-status 13 COMPLETE")(task_status)
    verb(group, "insert", epilog="Example:  orchestrator group insert 12 rework --at next")(insert)
    verb(group, "cancel-remaining")(cancel_remaining)
    verb(group, "report", epilog="Example:  orchestrator group report --csv > durations.csv")(report)
    app.add_typer(group)


def define(call: Call, file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON or YAML; - reads it")]) -> None:
    """Keep the definition of a task group, or replace the one of this name."""
    definition = read_definition(file)
    name = named(file, definition)
    with call.client() as client:
        kept = client.apply_task_group(name, definition)
    call.put(kept, f"task group {kept['name']}: {', '.join(task['name'] for task in kept['tasks'])}")


def list_definitions(call: Call) -> None:
    """List task groups."""
    with call.client() as client:
        found = client.pages("/task-groups")
        call.put_list(
            found,
            ["task group", "label", "tasks~"],
            lambda one: (one["name"], one["label"], ", ".join(task["name"] for task in one["tasks"])),
            empty="no task groups",
        )


def show(call: Call, name: Annotated[str, typer.Argument(metavar="GROUP", help="The task group")]) -> None:
    """Print a task group as a file that `define` takes."""
    with call.client() as client:
        found = client.task_group(name)
    if call.json:
        put_json(found)
    else:
        sys.stdout.write(written(found))


def delete(call: Call, name: Annotated[str, typer.Argument(metavar="GROUP", help="The task group")]) -> None:
    """Delete a task group; group jobs keep the lists that they have set."""
    with call.client() as client:
        answer = client.delete_task_group(name)
    call.put(answer, f"task group {text.safe(name)} is deleted")


def start(
    call: Call,
    task_group: Annotated[str, typer.Argument(metavar="GROUP", help="The task group")],
    *,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="What the job is called")] = None,
    by_hand: Annotated[bool, typer.Option("--by-hand", help="Every tool is called by somebody")] = False,
    priority: Annotated[int | None, typer.Option(min=0, max=9, help="9 is served first")] = None,
) -> None:
    """Start a group job: it goes on by itself, unless it is led by hand."""
    said = {"name": name, "advance": "manual" if by_hand else "auto", "priority": priority}
    with call.client() as client:
        job = client.start_group(task_group, **{key: value for key, value in said.items() if value is not None})
        if call.json:
            put_json(job)
        else:
            say(f"job {job['id']}, {text.safe(job['name'])}, is {job['state']}")
            _show(client.task_list(job["id"]))


def tasks(call: Call, job_id: GroupJob) -> None:
    """Show the tasks of a group job, in order, with who is at them and how long they took."""
    with call.client() as client:
        _answer(call, client.task_list(job_id))


def set_list(call: Call, job_id: GroupJob) -> None:
    """Let the tasks of the job's task group become its list; once."""
    with call.client() as client:
        _answer(call, client.set_task_list(job_id))


def next_task(call: Call, job_id: GroupJob) -> None:
    """Choose the first task that waits; where none does, the job has ended."""
    with call.client() as client:
        row = client.set_next_task(job_id)["current_task"]
    call.put({"current_task": row}, "no task is left" if row is None else f"it is the turn of task {row}")


def task_job(call: Call, job_id: GroupJob) -> None:
    """Create the job for the current task; asked again it is the same job."""
    with call.client() as client:
        job = client.create_job_for_task(job_id)
    call.put(job, f"job {job['id']}, {text.safe(job['name'])}, is {job['state']}")


def task_status(
    call: Call,
    job_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="The task's own job")],
    status: Annotated[str, typer.Argument(metavar="STATUS", help="WORKING or COMPLETE")],
    *,
    parent: Annotated[
        int | None, typer.Option(metavar="ID", min=1, help="The group job it is thought to be of")
    ] = None,
) -> None:
    """Begin a task (WORKING), or complete it (COMPLETE)."""
    if status.upper() not in ("WORKING", "COMPLETE"):
        raise usage(f"{status!r} is neither WORKING nor COMPLETE")
    said = {"status": status.upper(), "parent_id": parent}
    with call.client() as client:
        job = client.request("POST", f"/jobs/{job_id}/task-status", said)
    call.put(job, f"job {job_id} is {job['state']}")


def insert(
    call: Call,
    job_id: GroupJob,
    task_group: Annotated[str, typer.Argument(metavar="GROUP", help="The task group with the tasks")],
    *,
    at: Annotated[
        str, typer.Option(metavar="PLACE", help="next, start, end, or the number of a task: before it")
    ] = "next",
    reason: Why = None,
) -> None:
    """Let the tasks of another task group be done as well."""
    if at not in ("next", "start", "end") and not at.isdecimal():
        raise usage(f"--at {at!r}: next, start, end, or the number of a task")
    place = cast(Literal["next", "start", "end"] | int, int(at) if at.isdecimal() else at)
    with call.client() as client:
        _answer(call, client.insert_task_group(job_id, task_group, place, reason))


def cancel_remaining(call: Call, job_id: GroupJob, *, reason: Why = None) -> None:
    """Cancel the tasks that wait; what is under way, and the job itself, still finish."""
    with call.client() as client:
        _answer(call, client.cancel_remaining_tasks(job_id, reason))


def report(
    call: Call,
    *,
    task_group: Annotated[str | None, typer.Option(metavar="GROUP", help="Only tasks of this task group")] = None,
    job: Annotated[int | None, typer.Option(metavar="ID", min=1, help="Only tasks of this group job")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, in seconds")] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw it: a .png, .svg or .pdf file")
    ] = None,
) -> None:
    """Say how long complete tasks took, by stage and by person."""
    if plot is not None and plot.suffix.lower() not in FORMATS:
        raise usage(f"--plot {plot}: a report is drawn as {', '.join(FORMATS)}")
    asked = {"task_group": task_group, "parent": job}
    with call.client() as client:
        told = client.request("GET", "/reports/durations", params={k: v for k, v in asked.items() if v is not None})
    if plot is not None:
        _draw(told, plot)
    if call.json:
        return put_json(told)
    rows = [(one["task_group"], one["task"], None, *_sums(one, csv=csv)) for one in told["stages"]]
    rows += [(None, None, one["person"], *_sums(one, csv=csv)) for one in told["persons"]]
    columns = ["task_group", "task", "person", "count#", "median#", "total#"]
    if csv:
        for row in [[column.rstrip("#") for column in columns], *rows]:
            say(",".join("" if value is None else str(value) for value in row))
    else:
        put_table(columns, rows, empty="no task is complete yet")
    return None


def _draw(told: dict[str, Any], file: Path) -> None:
    try:
        draw_durations(told, file)
    except NoPlotter:
        raise usage("--plot needs matplotlib: pip install 'orchestrator[plot]'") from None
    except OSError as error:
        raise usage(f"{file}: {error.strerror}") from None


def _sums(one: dict[str, Any], *, csv: bool) -> tuple[object, ...]:
    times = (one["median_s"], one["total_s"])
    return (one["count"], *(times if csv else map(text.duration, times)))


def _answer(call: Call, told: dict[str, Any]) -> None:
    if call.json:
        put_json(told)
    else:
        _show(told)


def _show(told: dict[str, Any]) -> None:
    rows = (
        (
            one["id"],
            one["order"],
            ">" if one["id"] == told["current_task"] else "",
            one["label"] or one["task"],
            one["status"],
            one["job_id"],
            one["assignee"] or one["group"] or one["workflow"],
            text.duration(one["duration_s"]),
            one["effort"],
        )
        for one in told["items"]
    )
    put_table(["task#", "order#", "", "name", "status", "job#", "whose", "took", "effort#"], rows, empty="no tasks yet")
    say(f"{told['percent_complete']:.1f} % complete")
