"""Whether everything answers: what ``up`` waits for before it says that it is ready."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import httpx
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from orchestrator.client.trust import trusted
from orchestrator.stack.ports import LOOPBACK
from orchestrator.storage.tables import nodes

_get = partial(httpx.get, trust_env=False, verify=trusted(f"http://{LOOPBACK}"))


def database_time(engine: Engine) -> datetime:
    """The database's clock: what "since we started" is measured by."""
    with engine.connect() as connection:
        return connection.execute(select(func.clock_timestamp())).scalar_one()


def not_ready(engine: Engine, since: datetime, port: int, flower_url: str | None, pools: Sequence[str]) -> list[str]:
    """Who has not answered yet. ``pools`` (such as ``london.worker``) do so by announcing themselves since then."""
    silent = [] if _is_ready(port) else ["api"]
    present = select(nodes.c.site, nodes.c.function).where(nodes.c.last_heard > since, nodes.c.left_at.is_(None))
    try:
        with engine.connect() as connection:
            announced = {f"{site}.{function}" for site, function in connection.execute(present)}
    except OperationalError:
        return [*silent, "the database"]
    silent += (pool for pool in pools if pool not in announced)
    if flower_url is not None and (silent or not _shown(flower_url).issuperset(pools)):
        silent.append("flower")
    return silent


def problems_of(engine: Engine, since: datetime) -> list[str]:
    """What the pools that announced themselves after ``since`` could not load, and why; each problem once."""
    said = select(nodes.c.site, nodes.c.problems).where(nodes.c.last_heard > since).order_by(nodes.c.site)
    with engine.connect() as connection:
        return list(
            dict.fromkeys(f"{site}: {problem}" for site, all_of in connection.execute(said) for problem in all_of)
        )


def _is_ready(port: int) -> bool:
    try:
        return _get(f"http://{LOOPBACK}:{port}/health/ready", timeout=5).is_success
    except httpx.HTTPError:
        return False


def _shown(flower_url: str) -> set[str]:
    """The pools that Flower knows. It looks for itself only once, when it starts, and so it is asked to look again."""
    try:
        answer = _get(f"{flower_url}/api/workers", params={"refresh": True}, timeout=10)
        return {name.partition("@")[0] for name in answer.json()} if answer.is_success else set()
    except (httpx.HTTPError, ValueError):
        return set()
