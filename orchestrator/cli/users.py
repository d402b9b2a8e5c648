"""Make, list, change and delete users, and see the groups that they are in."""

from typing import Annotated, Any

import typer

from orchestrator.cli import text
from orchestrator.cli.output import put_json, say
from orchestrator.cli.verb import Call, verb
from orchestrator.client import segment

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name")]
Roles = Annotated[list[str] | None, typer.Option("--role", metavar="ROLE", help="In this role; repeatable")]
Groups = Annotated[list[str] | None, typer.Option("--group", metavar="GROUP", help="In this group; repeatable")]


def add_to(app: typer.Typer) -> None:
    """Add the group ``user``."""
    group = typer.Typer(name="user", help="Make, list, change and delete users.", no_args_is_help=True)
    verb(group, "create", epilog="Example:  orchestrator user create ann --role worker --group editors")(create)
    verb(group, "list")(list_users)
    verb(group, "groups")(list_groups)
    verb(group, "add-to", epilog="Example:  orchestrator user add-to qa ann bob")(add_to_group)
    verb(group, "delete-group")(delete_group)
    verb(group, "change", epilog="Example:  orchestrator user change ann --group editors --group qa")(change)
    verb(group, "delete")(delete)
    app.add_typer(group)


def create(call: Call, name: Name, *, role: Roles = None, group: Groups = None) -> None:
    """Make a user; a group that is named for the first time is made as well. Next: orchestrator key create."""
    with call.client() as client:
        made = client.request("POST", "/users", {"name": name, "roles": role or ["worker"], "groups": group or []})
    _told(call, made)


def change(call: Call, name: Name, *, role: Roles = None, group: Groups = None) -> None:
    """Give a user other roles, or other groups; what is not named stays."""
    said = {key: value for key, value in (("roles", role), ("groups", group)) if value is not None}
    with call.client() as client:
        _told(call, client.request("PATCH", f"/users/{segment(name)}", said))


def list_users(call: Call) -> None:
    """List users with their roles and groups."""
    with call.client() as client:
        found = client.pages("/users")
        call.put_list(
            found,
            ["user", "roles", "groups", "created"],
            lambda one: (one["name"], ", ".join(one["roles"]), ", ".join(one["groups"]), text.when(one["created_at"])),
            empty="no users",
        )


def list_groups(call: Call) -> None:
    """List groups with their members."""
    with call.client() as client:
        found = client.pages("/groups")
        call.put_list(
            found, ["group", "members~"], lambda one: (one["name"], ", ".join(one["members"])), empty="no groups"
        )


def add_to_group(
    call: Call,
    group: Annotated[str, typer.Argument(metavar="GROUP", help="The group; it is made where there is none")],
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="The users' names")] = None,
) -> None:
    """Put users into a group."""
    with call.client() as client:
        kept = client.add_to_group(group, names or ())
    call.put(kept, f"group {text.safe(kept['name'])}: {', '.join(map(text.safe, kept['members']))}")


def delete_group(call: Call, group: Annotated[str, typer.Argument(metavar="GROUP", help="The group")]) -> None:
    """Delete a group of users; its members stay."""
    with call.client() as client:
        answer = client.delete_group(group)
    call.put(answer, f"group {text.safe(group)} is deleted")


def delete(call: Call, name: Name) -> None:
    """Delete a user and their keys; what they did stays."""
    with call.client() as client:
        client.request("DELETE", f"/users/{segment(name)}")
    call.put({"name": name}, f"user {name} is deleted")


def _told(call: Call, user: dict[str, Any]) -> None:
    if call.json:
        put_json(user)
    else:
        groups = f", in {', '.join(user['groups'])}" if user["groups"] else ""
        say(f"user {user['name']}: {', '.join(user['roles'])}{groups}")
