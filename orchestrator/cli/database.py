"""Look after the database: its schema, and how long what is in it is kept."""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated

import typer
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.cli.connect import find_profile
from orchestrator.cli.output import put_json, say
from orchestrator.cli.text import number, size
from orchestrator.cli.verb import Call, verb
from orchestrator.config import load_settings
from orchestrator.contracts.failpoints import arm
from orchestrator.domain.retention import Periods
from orchestrator.errors import Unreachable
from orchestrator.services.prune import prune
from orchestrator.services.ship import ship
from orchestrator.storage.database import make_engine
from orchestrator.storage.migrate import migrate
from orchestrator.storage.queries.prunable import Prunable, bytes_per_task, prunable
from orchestrator.storage.queries.snapshot import snapshot

PRUNE_EPILOG = """Examples:

  orchestrator db prune --success-days 30 --failure-days 90 --dry-run

  ORCHESTRATOR_RETENTION_SUCCESS_DAYS=30 orchestrator db prune
"""


def add_to(app: typer.Typer) -> None:
    """Add the group ``db``."""
    group = typer.Typer(name="db", help="Look after the database.", no_args_is_help=True)
    verb(group, "migrate", epilog="Example:  ORCHESTRATOR_DATABASE_URL=postgresql://... orchestrator db migrate")(run)
    verb(group, "prune", epilog=PRUNE_EPILOG)(run_prune)
    app.add_typer(group)


def run(call: Call) -> None:
    """Bring the schema of the database to the newest version, and the workflows that ship; safe to repeat.

    The database is the one of ORCHESTRATOR_DATABASE_URL, else that of the service that runs in the home.
    """
    try:
        migrate(url := database_url(call))
        with _using(make_engine(url, pool_size=1)) as engine, engine.begin() as tx:
            new = ship(tx)
    except SQLAlchemyError as error:
        raise Unreachable(f"the database can not be brought to the newest version: {reason(error)}") from error
    if call.json:
        put_json({"schema": "newest", "workflows": new})
    else:
        say("the schema is at the newest version")
        if new:
            say(f"workflows that are new or newer: {', '.join(new)}")


def _days(name: str, what: str) -> typer.models.OptionInfo:
    variable = f"ORCHESTRATOR_RETENTION_{name.upper()}_DAYS"
    return typer.Option(f"--{name}-days", metavar="DAYS", min=0, help=f"{what} [env: {variable}; else for ever]")


def run_prune(
    call: Call,
    *,
    success: Annotated[float | None, _days("success", "Keep jobs that ended Success for so long")] = None,
    failure: Annotated[float | None, _days("failure", "Keep jobs that ended Failure for so long")] = None,
    cancelled: Annotated[float | None, _days("cancelled", "Keep jobs that ended Cancelled for so long")] = None,
    reports: Annotated[
        float | None, _days("reports", "Keep late reports, dead letters and workers that are gone for so long")
    ] = None,
    audit: Annotated[float | None, _days("audit", "Keep the audit and released holds of no job for so long")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how much it would be")] = False,
) -> None:
    """Delete from the database what has been kept for long enough, in many small transactions.

    Safe beside a running service, to interrupt, and to repeat. Jobs that go on, that a redrive takes from, or that
    have children are left alone. The space is used again for what comes; the files do not become smaller by it.
    """
    given = {"success": success, "failure": failure, "cancelled": cancelled, "reports": reports, "audit": audit}
    periods = replace(load_settings().retention, **{name: days for name, days in given.items() if days is not None})
    arm(os.environ)
    with _database(call) as engine:
        if dry_run:
            with snapshot(engine) as tx:
                found = prunable(tx, periods)
        else:
            done = prune(engine, periods)
            with snapshot(engine) as tx:
                found = Prunable(done.jobs, done.tasks, round(done.tasks * bytes_per_task(tx)), done.others)
    _show(call, periods, found, dry_run=dry_run)


@contextmanager
def _database(call: Call) -> Generator[Engine]:
    with _using(make_engine(database_url(call), pool_size=1, name="orchestrator prune")) as engine:
        try:
            yield engine
        except SQLAlchemyError as error:
            raise Unreachable(f"the database can not be pruned: {reason(error)}") from error


@contextmanager
def _using(engine: Engine) -> Generator[Engine]:
    """An engine as long as it is used."""
    try:
        yield engine
    finally:
        engine.dispose()


def _show(call: Call, periods: Periods, found: Prunable, *, dry_run: bool) -> None:
    if call.json:
        told = {"dry_run": dry_run, "jobs": dict(found.jobs), "tasks": found.tasks, "bytes": found.bytes}
        put_json({**told, "others": dict(found.others)})
        return
    if not periods:
        say("no period is set, so everything is kept: see --help")
    jobs = f"{number(sum(found.jobs.values()))} jobs{_each(found.jobs)} with {number(found.tasks)} tasks"
    others = f"{number(sum(found.others.values()))} other rows{_each(found.others)}"
    say(f"{'would delete' if dry_run else 'deleted'} {jobs}, about {size(found.bytes)}; {others}")


def _each(counts: Mapping[str, int]) -> str:
    named = [f"{n:,} {name}" for name, n in counts.items() if n]
    return f" ({', '.join(named)})" if named else ""


def database_url(call: Call) -> str:
    """Where the database is: the variable, else the home's profile; ConfigError when neither says so."""
    settings = load_settings().with_home(call.home)
    if settings.database_url is None and (profile := find_profile(settings.home)):
        return profile.database_url
    return settings.require_database_url()


def reason(error: SQLAlchemyError) -> str:
    """The first line of what the driver said, without the statement and its parameters."""
    cause = error.__cause__ or getattr(error, "orig", None) or error
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]
