"""Reading several tables as of one moment, for a bounded time."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

TIMEOUT_S = 10


@contextmanager
def snapshot(engine: Engine) -> Generator[Connection]:
    """A read-only transaction in which everything is as it was at its first statement."""
    with engine.connect() as connection:
        tx = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with tx.begin():
            tx.execute(text(f"set local statement_timeout = '{TIMEOUT_S}s'"))
            yield tx
