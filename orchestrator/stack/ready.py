"""Whether everything answers: what ``up`` waits for before it says that it is ready."""

from collections.abc import Sequence
from datetime import datetime

import httpx
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from orchestrator.stack.ports import LOOPBACK
from orchestrator.storage.tables import nodes


def database_time(engine: Engine) -> datetime:
    """The database's clock: what "since we started" is measured by."""
    with engine.connect() as connection:
        return connection.execute(select(func.clock_timestamp())).scalar_one()


def not_ready(engine: Engine, since: datetime, port: int, flower_port: int | None, pools: Sequence[str]) -> list[str]:
    """Who has not answered yet. ``pools`` (such as ``london.worker``) do so by announcing themselves since then."""
    silent = [] if _answers(port, "/health/ready", (200,)) else ["api"]
    if flower_port is not None and not _answers(flower_port, "/", (200, 401)):
        silent.append("flower")
    present = select(nodes.c.site, nodes.c.function).where(nodes.c.last_heard > since, nodes.c.left_at.is_(None))
    try:
        with engine.connect() as connection:
            announced = {f"{site}.{function}" for site, function in connection.execute(present)}
    except OperationalError:
        return [*silent, "the database"]
    return [*silent, *(pool for pool in pools if pool not in announced)]


def problems_of(engine: Engine, since: datetime) -> list[str]:
    """What the pools that announced themselves after ``since`` could not load, and why; each problem once."""
    said = select(nodes.c.site, nodes.c.problems).where(nodes.c.last_heard > since).order_by(nodes.c.site)
    with engine.connect() as connection:
        return list(
            dict.fromkeys(f"{site}: {problem}" for site, all_of in connection.execute(said) for problem in all_of)
        )


def _answers(port: int, path: str, codes: Sequence[int]) -> bool:
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}{path}", timeout=5, trust_env=False).status_code in codes
    except httpx.HTTPError:
        return False
