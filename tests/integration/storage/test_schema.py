"""The migrated database is what the tables say, and repeats the promise that an end is never left."""

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from orchestrator.storage.guards import GUARDED, triggers
from orchestrator.storage.migrate import MIGRATIONS, migrate


def test_migrations_and_tables_agree(database_url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = database_url
    command.check(config)


def test_migrating_again_changes_nothing(engine: Engine, database_url: str) -> None:
    before = inspect(engine).get_table_names()
    migrate(database_url)
    assert inspect(engine).get_table_names() == before


@pytest.mark.parametrize("table", GUARDED)
def test_the_trigger_is_the_one_made_from_the_machine(engine: Engine, table: str) -> None:
    """Making it again leaves its definition as it is."""
    read = text("select pg_get_triggerdef(oid) from pg_trigger where tgname = :name")
    with engine.begin() as tx:
        before = tx.execute(read, {"name": f"{table}_ends"}).scalar_one()
        tx.execute(text(triggers()[table]))
        assert tx.execute(read, {"name": f"{table}_ends"}).scalar_one() == before


@pytest.mark.parametrize("end", ["Success", "Failure", "Cancelled"])
def test_an_ended_job_stays_ended(engine: Engine, end: str) -> None:
    with engine.begin() as tx:
        tx.execute(text("insert into jobs (owner, state) values ('me', cast(:end as job_state))"), {"end": end})
        tx.execute(text("update jobs set state = state, reason = 'the same'"))
    with pytest.raises(IntegrityError, match=f"has ended as {end}"), engine.begin() as tx:
        tx.execute(text("update jobs set state = 'Started'"))
