"""Make, list and revoke API keys."""

from datetime import datetime
from typing import Annotated

import typer

from orchestrator.cli import text
from orchestrator.cli.output import put_json, put_json_lines, put_table, say, warn
from orchestrator.cli.verb import Call, verb


def add_to(app: typer.Typer) -> None:
    """Add the group ``key``."""
    group = typer.Typer(name="key", help="Make, list and revoke API keys.", no_args_is_help=True)
    verb(group, "create", epilog="Example:  orchestrator key create --user anna --role viewer --label laptop")(create)
    verb(group, "list")(list_keys)
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
    expires_at: Annotated[datetime | None, typer.Option(help="When it ends (this machine's time)")] = None,
) -> None:
    """Make an API key and print it: it is shown this once."""
    body = {
        "user": user,
        "label": label,
        "roles": role,
        "site": site,
        "expires_at": expires_at and expires_at.astimezone().isoformat(),
    }
    with call.client() as client:
        made = client.request("POST", "/keys", {name: value for name, value in body.items() if value is not None})
    if call.json:
        put_json(made)
    else:
        warn(f"key {made['id']} of {user}; keep it, it is not shown again:")
        say(made["key"])


def list_keys(call: Call) -> None:
    """List API keys: whose they are and when they were used, never the keys themselves."""
    with call.client() as client:
        found = client.pages("/keys")
        if call.json:
            return put_json_lines(found)
        put_table(
            ["key#", "user", "label", "roles", "created", "last used", "expires", "revoked"],
            (
                (
                    item["id"],
                    item["user"],
                    item["label"],
                    ", ".join(item["roles"]) if item["roles"] else "all of the user's",
                    *(text.when(item[at]) for at in ("created_at", "last_used_at", "expires_at", "revoked_at")),
                )
                for item in found
            ),
            empty="no keys",
        )
    return None


def revoke(call: Call, key_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="The key's number")]) -> None:
    """End an API key for good."""
    with call.client() as client:
        answer = client.request("DELETE", f"/keys/{key_id}")
    if call.json:
        put_json(answer or {"id": key_id})
    else:
        say(f"key {key_id} is revoked")
