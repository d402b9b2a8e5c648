"""Health: is it alive, and can it do its work. Outside ``/api/v1``, and without a key."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from redis.exceptions import RedisError
from sqlalchemy import Engine, exc, extract, func, select

from orchestrator.api.requires import AllParts, NoQuery, needs
from orchestrator.broker.connection import connect
from orchestrator.contracts import views
from orchestrator.domain.roles import Permission
from orchestrator.storage.queries.snapshot import snapshot
from orchestrator.storage.tables import hub_heartbeat

router = APIRouter(tags=["health"])
_OPEN = [needs(Permission.OPEN)]

HUB_SILENT_AFTER_S = 15
"""The hub notes each turn that it finishes, at most once a second."""


class NotWell(Exception):
    """A part answers, and says that it does not work."""


@router.get("/health/live", dependencies=_OPEN, summary="The API is alive")
def live(_query: NoQuery) -> views.Live:
    """Says nothing about what it stands on."""
    return views.Live()


@router.get(
    "/health/ready",
    dependencies=_OPEN,
    summary="Everything that is needed answers",
    responses={503: {"model": views.Readiness, "description": "Something does not; `checks` says what and why"}},
)
def ready(parts: AllParts, response: Response, _query: NoQuery) -> views.Readiness:
    """The database, the broker and the progress of the hub: 503 when one of them is not well."""
    checks = {
        "database": _check(lambda: _database(parts.engine)),
        "broker": _check(lambda: _broker(parts.redis_url)),
        "hub": _check(lambda: _hub(parts.engine)),
    }
    well = all(said == "ok" for said in checks.values())
    response.status_code = 200 if well else 503
    return views.Readiness(status="ready" if well else "not ready", checks=checks)


def _check(look: Callable[[], None]) -> str:
    """What is wrong, in words that name no address and no user: who asks needs no key."""
    try:
        look()
    except NotWell as reason:
        return str(reason)
    except (exc.SQLAlchemyError, RedisError, OSError) as error:
        return f"does not answer ({type(error).__name__})"
    return "ok"


def _database(engine: Engine) -> None:
    with snapshot(engine) as tx:
        tx.scalar(select(1))


def _broker(redis_url: str | None) -> None:
    if redis_url is None:
        raise NotWell("no address is set (ORCHESTRATOR_REDIS_URL)")
    with connect(redis_url) as redis:
        redis.ping()  # pyright: ignore[reportUnknownMemberType] - redis-py leaves its options untyped


def _hub(engine: Engine) -> None:
    with snapshot(engine) as tx:
        silent_s = tx.scalar(select(extract("epoch", func.clock_timestamp() - hub_heartbeat.c.at)))
    if silent_s is None:
        raise NotWell("no hub has run yet")
    if silent_s > HUB_SILENT_AFTER_S:
        raise NotWell(f"has not finished a turn for {silent_s:.0f} s")
