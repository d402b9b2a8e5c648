"""Make, list, rotate and revoke API keys."""

from typing import Annotated

import typer

from orchestrator.cli import text
from orchestrator.cli.moments import moment_from
from orchestrator.cli.output import put_json, say, warn
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.client import Document
from orchestrator.domain.duration import seconds

KeyId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The key's number")]
Expires = Annotated[str | None, typer.Option(metavar="TIME", help="When it ends: a time, or how long from now (720h)")]


def add_to(app: typer.Typer) -> None:
    """Add the group ``key``."""
    group = typer.Typer(name="key", help="Make, list, rotate and revoke API keys.", no_args_is_help=True)
    verb(group, "create", epilog="Example:  orchestrator key create --user anna --role viewer --label laptop")(create)
    verb(group, "list")(list_keys)
    verb(group, "rotate", epilog="Example:  orchestrator key rotate 7 --overlap 1h")(rotate)
    verb(group, "revoke")(revoke)
    app.add_typer(group)


def create(
    call: Call,
    *,
    user: Annotated[str, typer.Option(metavar="NAME", help="Whose key it is")],
    label: Annotated[str | None, typer.Option(metavar="TEXT", help="What it is for")] = None,
    role: Annotated[
        list[str] | None, typer.Option(metavar="ROLE", help="Narrow it to this role of the user's; repeatable")
    ] = None,
    site: Annotated[str | None, typer.Option(metavar="NAME", help="It reaches this site only")] = None,
    workflow: Annotated[
        str | None, typer.Option(metavar="NAME", help="It reaches the jobs of this workflow only")
    ] = None,
    expires_at: Expires = None,
) -> None:
    """Make an API key and print it: it is shown this once."""
    body = {
        "user": user,
        "label": label,
        "roles": role,
        "site": site,
        "workflow": workflow,
        "expires_at": expires_at and moment_from(expires_at, "--expires-at"),
    }
    with call.client() as client:
        made = client.request("POST", "/keys", {name: value for name, value in body.items() if value is not None})
    _told(call, made, f"key {made['id']} of {user}")


def rotate(
    call: Call,
    key_id: KeyId,
    *,
    overlap: Annotated[
        str, typer.Option(metavar="TIME", help="So long the old one still works: 90s, 2h; 0s ends it at once")
    ] = "24h",
    expires_at: Expires = None,
) -> None:
    """Make a key in the place of another, of the same user, label and scope, and print it: it is shown this once."""
    try:
        body: Document = {"overlap_s": seconds(overlap)}
    except ValueError as wrong:
        raise usage(f"--overlap {overlap!r}: {wrong}") from None
    if expires_at is not None:
        body["expires_at"] = moment_from(expires_at, "--expires-at")
    with call.client() as client:
        made = client.request("POST", f"/keys/{key_id}/rotate", body)
    _told(call, made, f"key {made['id']} in the place of key {key_id}, which works for {overlap} more")


def _told(call: Call, made: Document, which: str) -> None:
    if call.json:
        put_json(made)
    else:
        warn(f"{which}; keep it, it is not shown again:")
        say(made["key"])


def list_keys(
    call: Call,
    *,
    user: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only of this user; repeatable")] = None,
    live: Annotated[bool, typer.Option("--live", help="Only those that still work")] = False,
) -> None:
    """List API keys: whose they are and when they were used, never the keys themselves."""
    with call.client() as client:
        found = client.pages("/keys", user=user, live=live or None)
        call.put_list(
            found,
            ["key#", "user", "label", "roles", "reaches", "created", "last used", "expires", "revoked"],
            lambda item: (
                item["id"],
                item["user"],
                item["label"],
                ", ".join(item["roles"]) if item["roles"] else "all of the user's",
                " ".join(f"{part} {item[part]}" for part in ("site", "workflow") if item[part]),
                *(text.when(item[at]) for at in ("created_at", "last_used_at", "expires_at", "revoked_at")),
            ),
            empty="no keys",
        )


def revoke(call: Call, key_id: KeyId) -> None:
    """End an API key for good."""
    with call.client() as client:
        answer = client.request("DELETE", f"/keys/{key_id}")
    call.put(answer or {"id": key_id}, f"key {key_id} is revoked")
