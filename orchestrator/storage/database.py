"""The way to the database. One dialect: PostgreSQL, version 15 or newer."""

from sqlalchemy import Engine, create_engine, make_url

from orchestrator.errors import ConfigError

# A host that vanishes says nothing. Both ends find out within half a minute: the server has to as well, or the lock of
# a hub whose host is gone keeps every other hub waiting for hours.
_KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
_SERVER_KEEPALIVES = (
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=25000"
)


# A table that was filled a moment ago is still believed to be empty: then a plan that reads all of it looks cheap, and
# takes a thousand times as long as one by the key.
_BY_KEY = (
    " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off"
    " -c plan_cache_mode=force_generic_plan"
)


def make_engine(
    url: str,
    *,
    pool_size: int = 10,
    statement_timeout_s: float | None = None,
    name: str = "orchestrator",
    by_key: bool = False,
) -> Engine:
    """An engine over psycopg 3 for a ``postgresql://`` URL; nothing is connected yet.

    ``statement_timeout_s`` bounds every statement of its connections; by ``name`` the database shows whose they are.
    ``by_key`` is for one that asks the same over and over: rows are looked up by their keys, however few the planner
    believes there are, and each statement is planned once.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        raise ConfigError(f"ORCHESTRATOR_DATABASE_URL names {parsed.get_backend_name()}: it has to be postgresql://...")
    options = f"-c timezone=UTC {_SERVER_KEEPALIVES}{_BY_KEY if by_key else ''}"
    if statement_timeout_s is not None:
        options += f" -c statement_timeout={int(statement_timeout_s * 1000)}"
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_timeout=10,
        connect_args={
            "connect_timeout": 5,
            "options": options,
            "fallback_application_name": name,
            "prepare_threshold": 0 if by_key else 5,
            **_KEEPALIVES,
        },
    )
