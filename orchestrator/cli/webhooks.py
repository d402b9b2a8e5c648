"""Webhooks: where events are sent to, and what could not be delivered."""

from typing import Annotated

import typer

from orchestrator.cli import text
from orchestrator.cli.output import put_json, say, warn
from orchestrator.cli.verb import Call, verb

Id = Annotated[int, typer.Argument(metavar="ID", min=1, help="The webhook's number")]


def add_to(app: typer.Typer) -> None:
    """Add the group ``webhook``."""
    group = typer.Typer(name="webhook", help="Send events of jobs to other services.", no_args_is_help=True)
    example = "Example:  orchestrator webhook add https://example.org/jobs --event AllSucceeded --event SomeFailed"
    verb(group, "add", epilog=example)(add)
    verb(group, "list")(list_webhooks)
    verb(group, "dead", epilog="Example:  orchestrator webhook dead 3")(dead)
    verb(group, "send", epilog="Example:  orchestrator webhook send 3 --delivery 40")(send)
    verb(group, "delete")(delete)
    app.add_typer(group)


def add(
    call: Call,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where to: https://host/...")],
    *,
    event: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Of a job's history; repeatable. All, where none is given")
    ] = None,
    workflow: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this workflow's jobs")] = None,
) -> None:
    """Send events to an address, and print the key that they are signed with: it is shown this once."""
    body = {"url": address, "events": event or None, "workflow": workflow}
    with call.client() as client:
        made = client.request("POST", "/webhooks", {name: value for name, value in body.items() if value is not None})
    if call.json:
        put_json(made)
    else:
        warn(f"webhook {made['id']}; keep its key, it is not shown again:")
        say(made["key"])


def list_webhooks(call: Call) -> None:
    """List webhooks, and how they fare."""
    with call.client() as client:
        found = client.pages("/webhooks")
        call.put_list(
            found,
            ["webhook#", "url", "events", "workflow", "delivered", "failures#", "dead", "last error~"],
            lambda item: (
                item["id"],
                item["url"],
                ", ".join(item["events"]) if item["events"] else "all",
                item["workflow"],
                text.when(item["delivered_at"]),
                item["failures"],
                "yes" if item["dead"] else "no",
                item["last_error"],
            ),
            empty="no webhooks",
        )


def dead(call: Call, webhook_id: Id) -> None:
    """List what was given up after many tries."""
    with call.client() as client:
        found = client.pages(f"/webhooks/{webhook_id}/deliveries")
        call.put_list(
            found,
            ["delivery#", "job#", "event", "since", "given up", "last error~"],
            lambda item: (
                item["id"],
                item["job_id"],
                item["event"],
                text.when(item["created_at"]),
                text.when(item["dead_at"]),
                item["last_error"],
            ),
            empty="nothing was given up",
        )


def send(
    call: Call,
    webhook_id: Id,
    *,
    delivery: Annotated[int | None, typer.Option(metavar="ID", min=1, help="Only this one")] = None,
) -> None:
    """Send once more what was given up."""
    of = "" if delivery is None else f"/deliveries/{delivery}"
    with call.client() as client:
        told = client.request("POST", f"/webhooks/{webhook_id}{of}/send")
    call.put(told, f"{told['deliveries']} deliveries are sent once more")


def delete(call: Call, webhook_id: Id) -> None:
    """Send nothing more there; what is still to be sent is forgotten."""
    with call.client() as client:
        told = client.request("DELETE", f"/webhooks/{webhook_id}")
    call.put(told or {"id": webhook_id}, f"webhook {webhook_id} is gone")
