"""The way to the database: engine and migrations. One dialect: PostgreSQL, version 15 or newer."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, make_url

from orchestrator.errors import ConfigError

MIGRATIONS = Path(__file__).parent / "migrations"


def make_engine(
    url: str, *, pool_size: int = 10, statement_timeout_s: float | None = None, name: str = "orchestrator"
) -> Engine:
    """An engine over psycopg 3 for a ``postgresql://`` URL; nothing is connected yet.

    ``statement_timeout_s`` bounds every statement of its connections; by ``name`` the database shows whose they are.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        raise ConfigError(f"ORCHESTRATOR_DATABASE_URL names {parsed.get_backend_name()}: it has to be postgresql://...")
    options = "-c timezone=UTC"
    if statement_timeout_s is not None:
        options += f" -c statement_timeout={int(statement_timeout_s * 1000)}"
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_timeout=10,
        connect_args={
            "connect_timeout": 5,
            "options": options,
            "keepalives_idle": 10,
            "fallback_application_name": name,
        },
    )


def migrate(url: str) -> None:
    """Bring the schema to the newest version. Safe to run by several processes at once: they queue up."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    command.upgrade(config, "head")
