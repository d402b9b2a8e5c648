"""The real parts that tests run on: PostgreSQL, one for the whole run, and Redis, one for each test process."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import redis
from hypothesis import settings
from kombu import pools
from psycopg import sql
from sqlalchemy import Engine, make_url

from orchestrator.stack.program import launch, tail
from orchestrator.stack.redis import prepare_redis
from orchestrator.stack.wait import wait_until
from orchestrator.storage.database import make_engine
from tests.shared_postgres import joined

# How long an example takes says more about the machine than about the code. CI looks at the same examples every time,
# so that what it says is about the change; everybody else's runs look at new ones.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# Started in the background of a shell, or by nohup, we are to ignore these, and every program that a test starts would
# inherit that.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

_RUN_FOLDER = "ORCHESTRATOR_TESTS_FOLDER"
"""Set by the first process of a run, inherited by those that it starts (pytest-xdist)."""


def pytest_configure(config: pytest.Config) -> None:
    """Agree on one folder for the run. It can be entered by all, as the database's user has to."""
    for name in [name for name in os.environ if name.startswith("ORCHESTRATOR_") and name != _RUN_FOLDER]:
        del os.environ[name]
    if _RUN_FOLDER not in os.environ:
        os.environ[_RUN_FOLDER] = str(Path(tempfile.gettempdir()) / f"orchestrator-tests-{uuid4().hex[:12]}")
        config.add_cleanup(_leave)


def _leave() -> None:
    folder = Path(os.environ.pop(_RUN_FOLDER))
    wait_until(lambda: not folder.exists(), 15)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a migrated database on the run's server, for making databases from; not to be written to."""
    with joined(Path(os.environ[_RUN_FOLDER])) as url:
        yield url


@pytest.fixture
def database_url(postgres_server: str) -> Iterator[str]:
    """A migrated database of this test's own."""
    source, name = make_url(postgres_server), f"test_{uuid4().hex}"
    template = sql.Identifier(source.database or "")
    control = source.set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(control, autocommit=True) as connection:
        # By files: block by block through its log, as PostgreSQL has it otherwise, takes it twice as long.
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(name), template)
        connection.execute(make)
        yield source.set(database=name).render_as_string(hide_password=False)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine over the test's own database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The address of this process's Redis, which keeps nothing."""
    folder = Path(tempfile.mkdtemp(prefix="orchestrator-tests-redis-"))
    server = prepare_redis(folder, folder / "redis.log", {"appendonly": "no"})
    process = launch(server.program(), str(folder))
    try:
        if not wait_until(lambda: process.poll() is not None or server.answers(), 30) or process.poll() is not None:
            raise RuntimeError(f"Redis did not start: {tail(server.log)}")
        yield server.url
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The process's Redis, emptied for this test."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    # Kombu keeps connections by address for the whole process, also those that a test before has seen closed.
    pools.reset()
    return redis_server
