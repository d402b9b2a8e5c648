"""Show what happens to all jobs, as it happens."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from orchestrator.cli import text
from orchestrator.cli.output import STATE_STYLES, put_json, say
from orchestrator.cli.verb import INTERRUPTED, Call, verb

Several = list[str] | None
Site = Annotated[Several, typer.Option("--site", metavar="NAME", help="Only of jobs at this site; repeatable")]
Workflow = Annotated[
    Several, typer.Option("--workflow", metavar="NAME", help="Only of runs of this workflow; repeatable")
]
Kind = Annotated[Several, typer.Option("--kind", metavar="KIND", help="Only of jobs of this kind; repeatable")]
Owner = Annotated[Several, typer.Option("--owner", metavar="NAME", help="Only of this user's jobs; repeatable")]

EPILOG = """Examples:

  orchestrator events --site london

  orchestrator events --json --event AllSucceeded --event SomeFailed | while read -r event; do ...; done
"""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    verb(app, "events", epilog=EPILOG)(events)


def events(
    call: Call,
    *,
    site: Site = None,
    workflow: Workflow = None,
    kind: Kind = None,
    owner: Owner = None,
    event: Annotated[
        Several, typer.Option("--event", metavar="NAME", help="Only this, as the history names it; repeatable")
    ] = None,
) -> int:
    """Show what happens to all jobs from now on, a line each, until Ctrl-C; what breaks between loses nothing."""
    return follow_all(call, {"site": site, "workflow": workflow, "kind": kind, "owner": owner, "event": event})


def follow_all(call: Call, filters: Mapping[str, Any]) -> int:
    """Show it; the exit code."""
    with call.client() as client:
        try:
            for event in client.all_events(**filters):
                if call.json:
                    put_json(event)
                else:
                    _show(event)
        except KeyboardInterrupt:
            pass
    return INTERRUPTED


def _show(event: dict[str, Any]) -> None:
    if event["event"] == "reset":
        say("too much has happened meanwhile; it goes on from here", "yellow")
        return
    name = event["name"] or event["workflow"] or event["kind"]
    moved = "" if event["to"] is None else f" -> {event['to']}"
    why = "".join(f": {event[part]}" for part in ("reason", "comment") if event[part])
    line = f"{text.when(event['at'])} job {event['job']} {name} @{event['site'] or '-'} {event['event']}{moved}"
    say(f"{line} by {event['actor']}{why}", STATE_STYLES.get(event["to"] or ""))
