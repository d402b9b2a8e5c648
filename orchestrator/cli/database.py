"""Look after the database: bring its schema to the newest version."""

import typer
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.cli.connect import find_profile
from orchestrator.cli.output import put_json, say
from orchestrator.cli.verb import Call, verb
from orchestrator.config import load_settings
from orchestrator.errors import Unreachable
from orchestrator.storage.migrate import migrate


def add_to(app: typer.Typer) -> None:
    """Add the group ``db``."""
    group = typer.Typer(name="db", help="Look after the database.", no_args_is_help=True)
    verb(group, "migrate", epilog="Example:  ORCHESTRATOR_DATABASE_URL=postgresql://... orchestrator db migrate")(run)
    app.add_typer(group)


def run(call: Call) -> None:
    """Bring the schema of the database to the newest version; safe to repeat.

    The database is the one of ORCHESTRATOR_DATABASE_URL, else that of the service that runs in the home.
    """
    try:
        migrate(database_url(call))
    except SQLAlchemyError as error:
        raise Unreachable(f"the database can not be brought to the newest version: {reason(error)}") from error
    if call.json:
        put_json({"schema": "newest"})
    else:
        say("the schema is at the newest version")


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
