"""Reading several tables as of one moment, for a bounded time."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

TIMEOUT_S = 10

# Jobs are of very different sizes: each read is planned for what it asks for.
_SETTINGS = text("""
    select set_config('statement_timeout', :timeout, true), set_config('plan_cache_mode', 'force_custom_plan', true)
""")


@contextmanager
def snapshot(engine: Engine) -> Generator[Connection]:
    """A read-only transaction in which everything is as it was at its first statement."""
    with engine.connect() as connection:
        tx = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with tx.begin():
            tx.execute(_SETTINGS, {"timeout": f"{TIMEOUT_S}s"})
            yield tx
