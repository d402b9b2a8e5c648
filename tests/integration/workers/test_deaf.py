"""Workers whose connection to the queue swallows everything, while they go on saying that they are there."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest

from orchestrator.domain.health import Health
from orchestrator.stack.wait import wait_until
from tests.integration.workers.hub_at_work import HubAtWork
from tests.integration.workers.pool import Pool
from tests.integration.workers.proxy import Proxy

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def proxy(redis_url: str) -> Iterator[Proxy]:
    """What Celery takes to be the broker, in the workers that are given it; all else reaches Redis directly."""
    port = urlsplit(redis_url).port
    assert port
    proxy = Proxy(port)
    yield proxy
    proxy.close()


def through(proxy: Proxy, redis_url: str, file: Path) -> str:
    """What stands in the file of a site whose Celery takes the proxy to be the broker: a plugin that sees to it."""
    url = urlsplit(redis_url)
    login = f":{url.password}@" if url.password else ""
    there = urlunsplit(url._replace(netloc=f"{login}127.0.0.1:{proxy.port}"))
    file.write_text(f"import os\n\nos.environ['CELERY_BROKER_URL'] = {there!r}\n")
    return f'actions = ["{file}"]'


def test_they_are_seen_restarted_and_the_work_goes_on(
    running_hub: HubAtWork, proxy: Proxy, start_pool: Callable[..., Pool], redis_url: str, tmp_path: Path
) -> None:
    extra = through(proxy, redis_url, tmp_path / "through.py")
    hub, pool = running_hub, start_pool(supervised=True, extra=extra, more="discovery = 1\n")

    def well() -> bool:
        return hub.hears(pool.site, 2) and hub.health(pool.site) == (Health.OK, [])

    assert wait_until(well, 60), pool.log_text()
    job = hub.submit(pool.site, 100)
    assert wait_until(lambda: hub.processed(job) > 5, 60), pool.log_text()
    workers = psutil.Process(pool.process.pid).children()
    proxy.swallows.set()
    critical = wait_until(lambda: hub.health(pool.site)[0] is Health.CRITICAL, 60)
    assert critical, "it is not seen within 60 s"
    assert "nothing that is sent to it arrives" in hub.health(pool.site)[1][0]
    gone = wait_until(lambda: not any(worker.is_running() for worker in workers), 60)
    assert gone, "they do not end"
    assert hub.processed(job) < 100
    proxy.swallows.clear()
    assert wait_until(lambda: hub.succeeded(job), 90), pool.log_text()
    assert (hub.processed(job), hub.costs(job)) == (100, 0)
    assert wait_until(well, 60), pool.log_text()
