"""Adding rows goes wrong as every other statement does, be they few or so many that they are copied."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from orchestrator.storage.copy import copy_in
from orchestrator.storage.tables import stream_positions

COLUMNS = ("stream", "position")
few_and_many = pytest.mark.parametrize("more", [0, 100])


def rows(more: int, *some: tuple[str, str]) -> list[tuple[str, str]]:
    return [*((f"{n}", "1") for n in range(more)), *some]


@few_and_many
def test_what_is_added_is_there(engine: Engine, more: int) -> None:
    hostile = ("a\t\\N\n'\"{,}", "1")
    with engine.begin() as tx:
        copy_in(tx, stream_positions, COLUMNS, rows(more, hostile))
        found = tx.execute(text("select stream, position from stream_positions")).all()
    assert sorted(map(tuple, found)) == sorted(rows(more, hostile))


@few_and_many
def test_what_is_twice_there_is_an_integrity_error(engine: Engine, more: int) -> None:
    with pytest.raises(IntegrityError), engine.begin() as tx:
        copy_in(tx, stream_positions, COLUMNS, rows(more, ("a", "1"), ("a", "2")))
    with pytest.raises(DataError), engine.begin() as tx:
        copy_in(tx, stream_positions, COLUMNS, rows(more, ("a\0", "1")))


@few_and_many
def test_a_server_that_goes_away_is_an_operational_error(engine: Engine, more: int) -> None:
    with engine.connect() as tx, engine.begin() as other:
        pid = tx.execute(text("select pg_backend_pid()")).scalar_one()
        other.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        with pytest.raises(OperationalError):
            copy_in(tx, stream_positions, COLUMNS, rows(more, ("a", "1")))
        tx.invalidate()


@few_and_many
def test_a_full_disk_is_an_operational_error(engine: Engine, more: int) -> None:
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
            copy_in(tx, table, COLUMNS, rows(more, ("a", "1")))
