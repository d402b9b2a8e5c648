"""Adding rows: many by COPY, the fast way in; few by a statement that is planned already."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Table, TextClause, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError

from orchestrator.storage.together import write

_FEW = 32
"""COPY takes two round trips and is planned each time: rows that a statement has added by then."""
_DIALECT = PGDialect_psycopg()


def copy_in(tx: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Add the rows, in the order of ``columns``, as part of the transaction.

    Errors are SQLAlchemy's, as those of every other statement: who is away, or full, is told apart from what is wrong.
    """
    if len(rows) > _FEW or any(isinstance(table.c[column].type, ARRAY) for column in columns):
        _copy(tx, table, columns, rows)
    elif rows:
        values = {column: [row[place] for row in rows] for place, column in enumerate(columns)}
        write(tx, _adding(table, tuple(columns)), values)


def _copy(tx: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    raw = cast("psycopg.Connection[Any]", tx.connection.dbapi_connection)
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    try:
        with raw.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise DBAPIError.instance(f"copy {table.name}", None, error, psycopg.Error) from error


@lru_cache(maxsize=64)
def _adding(table: Table, columns: tuple[str, ...]) -> TextClause:
    types = (table.c[column].type.compile(_DIALECT) for column in columns)
    arrays = ", ".join(f"cast(:{column} as {type}[])" for column, type in zip(columns, types, strict=True))
    named = ", ".join(f'"{column}"' for column in columns)
    return text(f"insert into {table.name} ({named}) select * from unnest({arrays})")  # noqa: S608 - our own words
