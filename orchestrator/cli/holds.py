"""Hold work back, list what holds, and let it go on."""

from typing import Annotated, Any

import typer

from orchestrator.cli import text
from orchestrator.cli.control import Why
from orchestrator.cli.many import DryRun, Where, do_with_many
from orchestrator.cli.moments import moment_from
from orchestrator.cli.verb import DONE, Call, usage, verb
from orchestrator.client import path_input

EXAMPLE = 'Example:  orchestrator hold add --site paris --reason "the storage there is being moved" --until 2h'


def add_to(app: typer.Typer) -> None:
    """Add the group ``hold``."""
    group = typer.Typer(name="hold", help="Hold work back, and let it go on.", no_args_is_help=True)
    verb(group, "add", epilog=EXAMPLE)(add)
    verb(group, "list", epilog="Example:  orchestrator hold list --job 12")(list_holds)
    verb(group, "release", epilog="Example:  orchestrator hold release 3")(release)
    app.add_typer(group)


def add(
    call: Call,
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; shown to everybody who asks why nothing moves")],
    job: Annotated[int | None, typer.Option(metavar="ID", min=1, help="This job")] = None,
    site: Annotated[str | None, typer.Option(metavar="NAME", help="What is to run at this site")] = None,
    queue: Annotated[str | None, typer.Option(metavar="NAME", help="What is to run in this queue")] = None,
    workflow: Annotated[str | None, typer.Option(metavar="NAME", help="The jobs of this workflow")] = None,
    owner: Annotated[str | None, typer.Option(metavar="NAME", help="The jobs of this user")] = None,
    path_prefix: Annotated[
        str | None, typer.Option(metavar="PATH", help="What works on this path, or on anything below it")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it ends by itself: a time, or how long from now (2h)")
    ] = None,
    where: Where = None,
    dry_run: DryRun = False,
) -> int:
    """Hand out nothing of what agrees with all that is named. What runs is finished, and no state changes.

    With --where each job that matches now gets a hold of its own.
    """
    named = {"job": job, "site": site, "queue": queue, "workflow": workflow, "owner": owner}
    scope: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    if path_prefix is not None:
        prefix = path_input(path_prefix)
        scope |= {"path_prefix": prefix} if isinstance(prefix, str) else {"path_prefix_b64": prefix["path_b64"]}
    if bool(scope) == bool(where) or (dry_run and scope):
        raise usage(
            "name what is to be held: --job, --site, --queue, --workflow, --owner, --path-prefix; or jobs by --where"
        )
    ends = until and moment_from(until, "--until")
    if where:
        return do_with_many(call, "hold", None, where, dry_run=dry_run, reason=reason, until=ends)
    with call.client() as client:
        hold = client.hold(scope, reason, ends)
    call.put(hold, f"hold {hold['id']}; end it with: orchestrator hold release {hold['id']}")
    return DONE


def list_holds(
    call: Call,
    *,
    job: Annotated[int | None, typer.Option(metavar="ID", min=1, help="Only those of this very job")] = None,
    released: Annotated[bool, typer.Option("--released", help="Also those that no longer hold")] = False,
) -> None:
    """List what holds, the newest first."""
    with call.client() as client:
        found = client.pages("/holds", job=job, released=released or None)
        call.put_list(
            found,
            ["hold#", "holds", "kind", "by", "since", "until", "released", "reason~"],
            lambda item: (
                item["id"],
                ", ".join(f"{name} {value}" for name, value in item["scope"].items() if name != "path_prefix_b64"),
                item["kind"],
                item["author"],
                *(text.when(item[at]) for at in ("at", "until", "released_at")),
                item["reason"],
            ),
            empty="nothing is held",
        )


def release(
    call: Call,
    hold_id: Annotated[int | None, typer.Argument(metavar="ID", min=1, help="The hold's number")] = None,
    *,
    where: Where = None,
    dry_run: DryRun = False,
    reason: Why = None,
) -> int:
    """End a hold; what it held goes on. Where too much had failed, the count begins anew.

    With --where all that holds the jobs themselves that match ends.
    """
    if (hold_id is None) == (not where) or (dry_run and hold_id is not None):
        raise usage("name the hold by its number, or jobs by --where")
    if hold_id is None:
        return do_with_many(call, "release", None, where, dry_run=dry_run, reason=reason)
    with call.client() as client:
        hold = client.release_hold(hold_id, reason)
    call.put(hold, f"hold {hold_id} is released")
    return DONE
