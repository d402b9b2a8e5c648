from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.integration.workers.hub_at_work import HubAtWork, at_work
from tests.integration.workers.pool import Pool


@pytest.fixture
def start_pool(tmp_path: Path, redis_server: str) -> Iterator[Callable[..., Pool]]:
    """Starts a pool of the test's own."""
    started: list[Pool] = []

    def start(**options: Any) -> Pool:
        pool = Pool(tmp_path, redis_server, **options)
        started.append(pool)
        pool.ready()
        return pool

    yield start
    for pool in started:
        pool.close()


@pytest.fixture(scope="module")
def _pool(tmp_path_factory: pytest.TempPathFactory, redis_server: str) -> Iterator[Pool]:
    pool = Pool(tmp_path_factory.mktemp("pool"), redis_server)
    pool.ready()
    yield pool
    pool.close()


@pytest.fixture
def pool(_pool: Pool) -> Pool:
    """A pool of one worker, with nothing to do: shared by the tests of a module, since one takes seconds to start."""
    _pool.forget()
    return _pool


@pytest.fixture
def running_hub(engine: Engine, redis_url: str, tmp_path: Path) -> Iterator[HubAtWork]:
    """A hub for whatever the test starts."""
    with at_work(engine, redis_url, tmp_path / "workspaces") as hub:
        yield hub
