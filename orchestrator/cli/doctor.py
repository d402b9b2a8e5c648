"""Check an installation: say what is wrong and how to mend it."""

import itertools
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from orchestrator.cli.checks.finding import Finding, Installation, Level, wrong
from orchestrator.cli.checks.invariants import check_invariants
from orchestrator.cli.checks.machine import check_home, check_parts, check_processes, check_profile, check_python
from orchestrator.cli.checks.parts import check_broker, check_database
from orchestrator.cli.checks.service import check_service
from orchestrator.cli.connect import find_profile
from orchestrator.cli.database import database_url
from orchestrator.cli.output import console, put_json, say
from orchestrator.cli.text import safe
from orchestrator.cli.verb import DONE, FAILED, Call, usage, verb
from orchestrator.config import load_settings
from orchestrator.errors import ConfigError, OrchestratorError, Unreachable
from orchestrator.stack.profile import Profile

EPILOG = """Examples:

  orchestrator doctor --home /srv/orchestrator

  orchestrator doctor --invariants
"""

MARKS = {Level.OK: ("ok     ", "green"), Level.WARNING: ("warning", "yellow"), Level.WRONG: ("wrong  ", "bold red")}


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    verb(app, "doctor", epilog=EPILOG)(doctor)


def doctor(
    call: Call,
    *,
    invariants: Annotated[
        bool, typer.Option("--invariants", help="Ask the database for what must always hold, and for nothing else")
    ] = False,
    job: Annotated[int | None, typer.Option(metavar="ID", min=1, help="With --invariants: only this job")] = None,
) -> int:
    """Check the installation: Python, parts, home, database, broker, API, hub, sites, clocks.

    Says what is wrong and how to mend it. Exit code 1 when something is wrong; warnings alone are 0.
    """
    if job is not None and not invariants:
        raise usage("--job goes with --invariants")
    found: list[Finding] = []
    for finding in check_invariants(database_url(call), job) if invariants else examine(call):
        found.append(finding)
        if call.json:
            put_json(asdict(finding))
        else:
            _show(finding)
    bad = sum(finding.level is Level.WRONG for finding in found)
    if not call.json:
        say()
        say(f"{bad} wrong: see the remedies above" if bad else "nothing is wrong", "bold red" if bad else "bold green")
    return FAILED if bad else DONE


def examine(call: Call) -> Iterator[Finding]:
    """Every check, in the order in which one thing rests on another."""
    settings = load_settings().with_home(call.home)
    profile: Profile | None = None
    try:
        profile = find_profile(settings.home)
    except (OrchestratorError, OSError, ValueError) as error:
        yield wrong("profile", str(error), "remove it; `orchestrator up` writes it anew")
    place = Installation(settings, profile)
    checks = (check_python, check_parts, check_home, check_profile, check_processes, check_database, check_broker)
    yield from itertools.chain.from_iterable(check(place) for check in checks)
    try:
        with call.client() as client:
            yield from check_service(client)
    except (Unreachable, ConfigError) as error:
        yield wrong("service", str(error), "start one with `orchestrator up`")


def _show(finding: Finding) -> None:
    mark, style = MARKS[finding.level]
    console().print(Text.assemble((mark, style), f"  {safe(finding.subject)}: {safe(finding.said)}"), soft_wrap=True)
    if finding.remedy:
        say(f"         -> {finding.remedy}")
