"""Read the audit: who did what to what, and who was turned away."""

from typing import Annotated

import typer

from orchestrator.cli import text
from orchestrator.cli.moments import moment_from
from orchestrator.cli.verb import Call, verb

EXAMPLES = """Examples:

  orchestrator audit --actor ann --limit 20

  orchestrator audit --action request.denied --after 2030-01-31T22:00
"""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    verb(app, "audit", epilog=EXAMPLES)(audit)


def audit(
    call: Call,
    *,
    actor: Annotated[list[str] | None, typer.Option(metavar="NAME", help="What this user did; repeatable")] = None,
    action: Annotated[
        list[str] | None, typer.Option(metavar="ACTION", help="Such as key.create or request.denied; repeatable")
    ] = None,
    subject: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="What was done to this, such as 'key 7'; repeatable")
    ] = None,
    after: Annotated[str | None, typer.Option(metavar="TIME", help="What was later (this machine's time)")] = None,
    before: Annotated[str | None, typer.Option(metavar="TIME", help="What was earlier")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="The most entries")] = 50,
) -> None:
    """Read who did what to what, and who was turned away, the newest first."""
    filters = {
        "actor": actor,
        "action": action,
        "subject": subject,
        "after": after and moment_from(after, "--after"),
        "before": before and moment_from(before, "--before"),
    }
    with call.client() as client:
        found = client.pages("/audit", limit=limit, **filters)
        call.put_list(
            found,
            ["at", "who", "did", "to", "why~"],
            lambda one: (text.when(one["at"]), one["actor"], one["action"], one["subject"], one["reason"]),
            empty="nothing is in the audit",
        )
