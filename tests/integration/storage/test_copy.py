"""COPY goes wrong as every other statement does."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from orchestrator.storage.copy import copy_in
from orchestrator.storage.tables import stream_positions

COLUMNS = ("stream", "position")


def test_what_is_twice_there_is_an_integrity_error(engine: Engine) -> None:
    with pytest.raises(IntegrityError), engine.begin() as tx:
        copy_in(tx, stream_positions, COLUMNS, [("a", "1"), ("a", "2")])
    with pytest.raises(DataError), engine.begin() as tx:
        copy_in(tx, stream_positions, COLUMNS, [("a\0", "1")])


def test_a_server_that_goes_away_is_an_operational_error(engine: Engine) -> None:
    with engine.connect() as tx, engine.begin() as other:
        pid = tx.execute(text("select pg_backend_pid()")).scalar_one()
        other.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        with pytest.raises(OperationalError):
            copy_in(tx, stream_positions, COLUMNS, [("a", "1")])
        tx.invalidate()


def test_a_full_disk_is_an_operational_error(engine: Engine) -> None:
    """As PostgreSQL says it: class 53, insufficient resources."""
    with engine.connect() as tx:
        tx.execute(text("create temporary table full_disk (stream text, position text)"))
        tx.execute(
            text("""
                create function pg_temp.refuse() returns trigger language plpgsql as $$
                begin raise exception 'could not extend file' using errcode = '53100'; end $$
            """)
        )
        tx.execute(text("create trigger t before insert on full_disk for each row execute function pg_temp.refuse()"))
        table = stream_positions.to_metadata(stream_positions.metadata.__class__(), name="full_disk")
        with pytest.raises(OperationalError):
            copy_in(tx, table, COLUMNS, [("a", "1")])
