"""COPY: the fast way in for many rows."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from psycopg import Connection as PsycopgConnection
from psycopg import sql
from sqlalchemy import Connection, Table


def copy_in(tx: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Add the rows, in the order of ``columns``, as part of the transaction."""
    raw = cast("PsycopgConnection[Any]", tx.connection.dbapi_connection)
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with raw.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
