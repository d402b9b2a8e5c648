"""COPY: the fast way in for many rows."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError


def copy_in(tx: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Add the rows, in the order of ``columns``, as part of the transaction.

    Errors are SQLAlchemy's, as those of every other statement: who is away, or full, is told apart from what is wrong.
    """
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
