"""Writes that nobody waits for one by one: those of a block go to the database together, in one round trip.

A turn of the hub writes to a dozen tables; most of what a small turn takes is waiting for one answer after the other.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple, cast

import psycopg
from sqlalchemy import Connection, TextClause
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError

from orchestrator.errors import OrchestratorError

_KEY = "written together"
_DIALECT = PGDialect_psycopg()


class GuardFailed(OrchestratorError):
    """A write found something else than what its decision was made on: two writers, or a defect. Nothing is kept."""


class _Write(NamedTuple):
    statement: TextClause
    values: Mapping[str, object]
    expected: int | None
    what: str

    def check(self, landed: int) -> None:
        if self.expected is not None and landed != self.expected:
            raise GuardFailed(f"{self.expected - landed} of {self.expected} {self.what} did not land")


@contextmanager
def together(tx: Connection) -> Generator[None]:
    """What is written within is sent at the end, in its order; what is read within does not see it yet."""
    writes: list[_Write] = []
    tx.info[_KEY] = writes
    try:
        yield
    finally:
        del tx.info[_KEY]
    _send(tx, writes)


def write(
    tx: Connection, statement: TextClause, values: Mapping[str, object], expected: int | None = None, what: str = "rows"
) -> None:
    """Write, now or with the rest of the block; GuardFailed when other than the ``expected`` rows are touched."""
    one = _Write(statement, values, expected, what)
    writes: list[_Write] | None = tx.info.get(_KEY)
    if writes is None:
        one.check(tx.execute(statement, values).rowcount)
    else:
        writes.append(one)


def _send(tx: Connection, writes: list[_Write]) -> None:
    if not writes:
        return
    raw = cast("psycopg.Connection[Any]", tx.connection.dbapi_connection)
    try:
        with raw.pipeline():
            answers = [raw.execute(_text_of(one.statement), one.values) for one in writes]
    except psycopg.Error as error:
        raise DBAPIError.instance("writes", None, error, psycopg.Error) from error
    for one, answer in zip(writes, answers, strict=True):
        one.check(answer.rowcount)


@lru_cache(maxsize=256)
def _text_of(statement: TextClause) -> bytes:
    """The statement as the driver takes it."""
    return str(statement.compile(dialect=_DIALECT)).encode()
