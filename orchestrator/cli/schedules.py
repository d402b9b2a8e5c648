"""Schedules: what is submitted by itself, and when."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.control import Why
from orchestrator.cli.definition import named, read_definition
from orchestrator.cli.fields import read_fields
from orchestrator.cli.job_options import Discovery, Fields, Priority, Queue, Site, Version, walks
from orchestrator.cli.moments import moment_from
from orchestrator.cli.output import put_facts, put_json, put_json_lines, put_table, say
from orchestrator.cli.starts import read_starts
from orchestrator.cli.text import safe, when
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.client import Document, path_input
from orchestrator.domain.schedule import Overlap

EXAMPLES = """Examples:

  orchestrator schedule add nightly checksum /data/in --site london --cron "30 2 * * *" --timezone Europe/London

  orchestrator schedule add often sync /data/in --site london --field destination=/mirror --every 10m --overlap queue
"""
Schedule = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its number or its name")]


def add_to(app: typer.Typer) -> None:
    """Add the group ``schedule``."""
    group = typer.Typer(name="schedule", help="Submit jobs by the clock.", no_args_is_help=True)
    verb(group, "list", epilog="Example:  orchestrator schedule list --site london")(list_schedules)
    verb(group, "add", epilog=EXAMPLES)(add)
    verb(group, "apply", epilog="Example:  orchestrator schedule apply nightly.yaml")(apply)
    verb(group, "show", epilog="Example:  orchestrator schedule show nightly")(show)
    verb(group, "firings", epilog="Example:  orchestrator schedule firings nightly --limit 100")(firings)
    verb(group, "run", epilog="Example:  orchestrator schedule run nightly")(run)
    verb(group, "pause", epilog='Example:  orchestrator schedule pause nightly --reason "the tapes are full"')(pause)
    verb(group, "resume")(resume)
    verb(group, "delete")(delete)
    app.add_typer(group)


def add(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called: small letters, digits, _ and -")],
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="The workflow's name")],
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Where to start: folders to walk, or the very paths")
    ],
    *,
    site: Site,
    cron: Annotated[
        str | None, typer.Option(metavar="TEXT", help="When: minute hour day-of-month month day-of-week, or @daily")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Of --cron, such as Europe/London; UTC unless given")
    ] = None,
    every: Annotated[str | None, typer.Option(metavar="TIME", help="When: an interval (10m, 6h)")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When: once, at a time or so long from now")] = None,
    field: Fields = None,
    overlap: Annotated[
        Overlap, typer.Option(help="While its job before has not ended: skip, queue, or replace that one")
    ] = Overlap.SKIP,
    catch_up: Annotated[
        str | None, typer.Option(metavar="TIME", help="So late what was missed is made up; 1h unless given")
    ] = None,
    version: Version = None,
    queue: Queue = None,
    priority: Priority = None,
    discovery: Discovery = None,
    paused: Annotated[bool, typer.Option("--paused", help="It comes due only once it is resumed")] = False,
) -> None:
    """Make a schedule: a workflow is run over paths at a site, again and again or once."""
    if sum(time is not None for time in (cron, every, at)) != 1:
        raise usage("give one of --cron, --every and --at")
    with call.client() as client:
        definition = client.workflow(workflow) if version is None else client.workflow_version(workflow, version)
        walked = walks(discovery or definition.get("discovery"))
        body: Document = {
            "name": name,
            "workflow": workflow,
            "site": site,
            "paths": [path_input(path) for path in read_starts(paths, None, nul=False, walked=walked)],
            "fields": read_fields(field or (), definition.get("fields") or ()) or None,
            "cron": cron,
            "timezone": timezone,
            "every": every,
            "at": at and moment_from(at, "--at"),
            "overlap": overlap.value,
            "catch_up": catch_up,
            "workflow_version": version,
            "queue": queue,
            "priority": priority,
            "discovery": discovery,
            "enabled": not paused,
        }
        made = client.add_schedule({key: value for key, value in body.items() if value is not None})
    _tell(call, made)


def apply(call: Call, file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML or JSON; - reads it")]) -> None:
    """Make the schedule that a file describes, or change the one of its name; a paused one stays so."""
    definition = read_definition(file)
    name = named(file, definition)
    with call.client() as client:
        _tell(call, client.apply_schedule(name, definition))


def list_schedules(
    call: Call,
    *,
    workflow: Annotated[str | None, typer.Option(metavar="NAME", help="Only those of this workflow")] = None,
    site: Annotated[str | None, typer.Option(metavar="NAME", help="Only those at this site")] = None,
    owner: Annotated[str | None, typer.Option(metavar="NAME", help="Only those of this user")] = None,
    enabled: Annotated[
        bool | None, typer.Option("--enabled/--paused", help="Only those that come due, or that are paused")
    ] = None,
) -> None:
    """List schedules."""
    with call.client() as client:
        found = client.schedules(workflow=workflow, site=site, owner=owner, enabled=enabled)
        if call.json:
            return put_json_lines(found)
        put_table(
            ["schedule#", "name", "workflow", "site", "when", "next", "last", "job#", "owner"],
            map(_line, found),
            empty="no schedules yet: make one with `orchestrator schedule add`",
        )
    return None


def show(call: Call, schedule: Schedule) -> None:
    """Show a schedule: what it does, the next ten times, and what came of the last ten."""
    with call.client() as client:
        found = client.schedule(schedule)
    if call.json:
        return put_json(found)
    version = f", version {found['workflow_version']}" if found["workflow_version"] else ""
    put_facts(
        {
            "schedule": f"{found['id']}, {safe(found['name'])}, of {safe(found['owner'])}",
            "runs": f"{safe(found['workflow'])}{version} at {safe(found['site'])} over {len(found['paths']):,} paths",
            "when": _times(found),
            "overlap": found["overlap"],
            "catch up": f"{found['catch_up']:g} s",
            "it is": _next(found),
            "running": found["running"] and f"job {found['running']}",
            "queued": found["queued"] or None,
        }
    )
    if found["next_times"]:
        say("\nnext: " + ", ".join(when(time) for time in found["next_times"]))
    say()
    _put_firings(found["firings"])
    return None


def firings(
    call: Call,
    schedule: Schedule,
    *,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="At most so many")] = 50,
) -> None:
    """List when a schedule was due, the newest first, and what came of it: its job, or why it has none."""
    with call.client() as client:
        found = client.firings(schedule, limit=limit)
        if call.json:
            return put_json_lines(found)
        _put_firings(found)
    return None


def run(call: Call, schedule: Schedule) -> None:
    """Fire a schedule now, as if it were due."""
    with call.client() as client:
        firing = client.run_schedule(schedule)
    if call.json:
        put_json(firing)
    elif firing["job_id"] is None:
        say("it is queued, and begins when the job before it has ended")
    else:
        say(f"job {firing['job_id']} is started")


def pause(call: Call, schedule: Schedule, *, reason: Why = None) -> None:
    """Let a schedule come due no more; its job goes on."""
    with call.client() as client:
        _tell(call, client.pause_schedule(schedule, reason))


def resume(call: Call, schedule: Schedule, *, reason: Why = None) -> None:
    """Let a schedule come due again; what would have been meanwhile is not made up."""
    with call.client() as client:
        _tell(call, client.resume_schedule(schedule, reason))


def delete(call: Call, schedule: Schedule) -> None:
    """Take a schedule away; its jobs stay, and go on."""
    with call.client() as client:
        answer = client.delete_schedule(schedule)
    if call.json:
        put_json(answer)
    else:
        say(f"schedule {safe(schedule)} is deleted")


def _line(item: Document) -> tuple[Any, ...]:
    last: Document = item["last"] or {}
    due = when(item["next_at"]) if item["enabled"] else "paused"
    told = (item["id"], item["name"], item["workflow"], item["site"], _times(item), due)
    return (*told, last.get("outcome"), last.get("job_id"), item["owner"])


def _tell(call: Call, found: Document) -> None:
    if call.json:
        put_json(found)
    else:
        say(f"schedule {found['id']} ({safe(found['name'])}) is {_next(found)}")


def _times(item: Document) -> str:
    if item["cron"] is not None:
        return f"{item['cron']} ({item['timezone']})"
    return f"every {item['every']:g} s" if item["every"] is not None else f"at {when(item['at'])}"


def _next(item: Document) -> str:
    if not item["enabled"]:
        return "paused"
    return f"due at {when(item['next_at'])}" if item["next_at"] else "due no more"


def _put_firings(found: Iterable[Document]) -> None:
    def rows() -> Iterator[tuple[Any, ...]]:
        for one in found:
            yield when(one["due_at"]), one["outcome"], one["job_id"], one["by"] or "the clock", one["reason"]

    put_table(["due", "outcome", "job#", "by", "reason~"], rows(), empty="it was not due yet")
