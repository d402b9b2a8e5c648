"""How Alembic reaches the database: with the URL that it was handed, one migration at a time."""

from alembic import context
from sqlalchemy import text

from orchestrator.storage.database import make_engine
from orchestrator.storage.tables import metadata

_LOCK = 0x0A1E_4B1C


def run() -> None:
    """Run the migrations in one transaction, behind an advisory lock."""
    engine = make_engine(context.config.attributes["url"], pool_size=1)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata, compare_type=True)
        with context.begin_transaction():
            connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            context.run_migrations()
    engine.dispose()


run()
