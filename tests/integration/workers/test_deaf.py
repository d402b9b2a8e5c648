"""A worker whose connection to the queue swallows everything, while it goes on saying that it is there."""

import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest
from sqlalchemy import Engine, text

from orchestrator import hub
from orchestrator.broker.connection import connect
from orchestrator.domain.health import Health
from orchestrator.services.define import create
from orchestrator.services.submit import submit
from orchestrator.stack.wait import wait_until
from orchestrator.storage.queries.sites import read_site
from tests.integration.workers.pool import SECRET, Pool
from tests.integration.workers.proxy import Proxy

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def running_hub(engine: Engine, redis_url: str) -> Iterator[Engine]:
    """A real hub, in a thread; its database."""
    stop, redis = threading.Event(), connect(redis_url)
    thread = threading.Thread(target=hub.run, args=(engine, redis, SECRET, stop))
    thread.start()
    yield engine
    stop.set()
    thread.join(30)
    redis.close()
    assert not thread.is_alive()


@pytest.fixture
def proxy(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """What Celery takes to be the broker, in the workers that are started now; all else reaches Redis directly."""
    url = urlsplit(redis_url)
    assert url.port
    proxy = Proxy(url.port)
    login = f":{url.password}@" if url.password else ""
    through = url._replace(netloc=f"{login}127.0.0.1:{proxy.port}")
    monkeypatch.setenv("CELERY_BROKER_URL", urlunsplit(through))
    yield proxy
    proxy.close()


def one(engine: Engine, statement: str, **values: Any) -> Any:
    with engine.begin() as tx:
        return tx.execute(text(statement), values).one()


def site_health(engine: Engine, name: str) -> tuple[Health, list[str]]:
    with engine.begin() as tx:
        site = read_site(tx, name)
    return site.health, site.problems


def make_job(engine: Engine, site: str, paths: int) -> int:
    """So many tasks, found without a walker."""
    rule = {"type": "all", "batch_size": 1, "action": [{"name": "sleep", "seconds": 0.1}]}
    with engine.begin() as tx:
        create(tx, {"name": "work", "discovery": None, "filter_rules": [rule]}, "tester")
        body = {"workflow": "work", "site": site, "paths": [f"/nowhere/{number}" for number in range(paths)]}
        return submit(tx, body, "tester").job_id


def test_it_is_seen_restarted_and_the_work_goes_on(
    running_hub: Engine, proxy: Proxy, start_pool: Callable[..., Pool]
) -> None:
    engine, pool = running_hub, start_pool(supervised=True, more="discovery = 1\n")

    def heard() -> bool:
        query = "select count(*) as n from lanes where site = :site and canary_heard_at is not null"
        return one(engine, query, site=pool.site).n == 2

    def processed(job: int) -> int:
        return one(engine, "select processed from progress where job_id = :job", job=job).processed

    assert wait_until(heard, 60), pool.log_text()
    assert site_health(engine, pool.site) == (Health.OK, [])
    job = make_job(engine, pool.site, 100)
    assert wait_until(lambda: processed(job) > 5, 60), pool.log_text()
    workers = psutil.Process(pool.process.pid).children()
    proxy.swallows.set()
    critical = wait_until(lambda: site_health(engine, pool.site)[0] is Health.CRITICAL, 60)
    assert critical, "it is not seen within 60 s"
    assert "nothing that is sent to it arrives" in site_health(engine, pool.site)[1][0]
    gone = wait_until(lambda: not any(worker.is_running() for worker in workers), 60)
    assert gone, "they do not end"
    before = processed(job)
    assert before < 100
    proxy.swallows.clear()
    ended = wait_until(lambda: one(engine, "select state from jobs where id = :job", job=job).state == "Success", 90)
    assert ended, pool.log_text()
    assert processed(job) == 100
    assert wait_until(lambda: site_health(engine, pool.site) == (Health.OK, []) and heard(), 60), pool.log_text()
    crashes = one(engine, "select sum(crashes + tries) as n from tasks where job_id = :job", job=job).n
    assert crashes == 0
