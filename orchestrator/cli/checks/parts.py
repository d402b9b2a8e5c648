"""Check the database and the broker, where this machine is told where they are."""

from collections.abc import Iterator

import redis
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.broker.connection import connect
from orchestrator.cli.checks.finding import Finding, Installation, ok, warning, wrong
from orchestrator.cli.database import reason
from orchestrator.errors import ConfigError
from orchestrator.storage.database import make_engine
from orchestrator.storage.migrate import MIGRATIONS

LEAST_POSTGRESQL = 15
LEAST_REDIS = (6, 2)


def check_database(place: Installation) -> Iterator[Finding]:
    """PostgreSQL answers, is new enough, and has our newest schema."""
    if place.database_url is None:
        return
    try:
        engine = make_engine(place.database_url, statement_timeout_s=5)
        with engine.connect() as tx:
            yield _version(tx)
            yield _schema(tx)
        engine.dispose()
    except (SQLAlchemyError, ConfigError) as error:
        said = reason(error) if isinstance(error, SQLAlchemyError) else str(error)
        yield wrong("database", said, "is it running (`orchestrator up`), and is ORCHESTRATOR_DATABASE_URL right?")


def _version(tx: Connection) -> Finding:
    major = int(tx.execute(text("show server_version_num")).scalar_one()) // 10000
    if major < LEAST_POSTGRESQL:
        return wrong("database", f"PostgreSQL {major} is too old", f"use PostgreSQL {LEAST_POSTGRESQL} or newer")
    return ok("database", f"PostgreSQL {major}")


def _schema(tx: Connection) -> Finding:
    present = set(MigrationContext.configure(tx).get_current_heads())
    newest = set(ScriptDirectory(str(MIGRATIONS)).get_heads())
    if present == newest:
        return ok("schema", f"version {', '.join(sorted(newest))}")
    shown = ", ".join(sorted(present)) or "none"
    return wrong(
        "schema", f"version {shown}, this program needs {', '.join(sorted(newest))}", "run `orchestrator db migrate`"
    )


def check_broker(place: Installation) -> Iterator[Finding]:
    """Redis answers, is new enough, and forgets nothing."""
    if place.redis_url is None:
        return
    try:
        with connect(place.redis_url) as client:
            told = client.info()  # pyright: ignore[reportUnknownMemberType]
    except (redis.RedisError, ValueError, OSError) as error:
        yield wrong("broker", str(error), "is it running (`orchestrator up`), and is ORCHESTRATOR_REDIS_URL right?")
        return
    version = str(told.get("valkey_version") or told["redis_version"])
    if tuple(map(int, version.split(".")[:2])) < LEAST_REDIS:
        yield wrong("broker", f"Redis {version} is too old", "use Redis or Valkey 6.2 or newer")
    elif told.get("maxmemory_policy", "noeviction") != "noeviction":
        yield wrong(
            "broker",
            f"it may forget messages (maxmemory-policy {told['maxmemory_policy']})",
            "set maxmemory-policy noeviction",
        )
    elif not told.get("aof_enabled"):
        yield warning(
            "broker", f"{version}, keeps nothing on disk", "set appendonly yes: a restart then repeats less work"
        )
    else:
        yield ok("broker", f"{version}, keeps what it is given")
