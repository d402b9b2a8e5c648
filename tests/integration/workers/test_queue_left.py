"""A message of which every worker dies, start after start: its queue is left, and the work behind it is done."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.stack.wait import wait_until
from tests.integration.workers import deadly
from tests.integration.workers.hub_at_work import HubAtWork
from tests.integration.workers.pool import Pool
from tests.malformed import message

pytestmark = pytest.mark.timeout(300)


def kept(pool: Pool) -> int:
    """How often that message stands in the queue."""
    entries = cast("list[bytes]", cast(Any, pool.redis.lrange(pool.queue, 0, -1)))
    return [json.loads(entry)["headers"]["id"] for entry in entries].count(deadly.DEADLY)


def test_the_work_goes_on_and_the_queue_is_kept(running_hub: HubAtWork, start_pool: Callable[..., Pool]) -> None:
    hub = running_hub
    plugin = Path(deadly.__file__)
    pool = start_pool(supervised=True, extra=f'actions = ["{plugin}"]', more="discovery = 1\n")
    assert wait_until(lambda: hub.hears(pool.site, 2), 60), pool.log_text()
    poison = message(pool.queue)
    poison["headers"]["id"] = deadly.DEADLY
    pool.redis.lpush(pool.queue, json.dumps(poison))
    job = hub.submit(pool.site, 20)
    assert wait_until(lambda: hub.succeeded(job), 180), pool.log_text()
    assert (hub.processed(job), hub.costs(job)) == (20, 0)
    # It ended each of three starts, and never the one that serves the next name.
    assert pool.log_text().count("ended (1); again") >= 3
    assert wait_until(lambda: kept(pool) == 1, 60), pool.log_text()
    assert any(f"the workers of {pool.queue} kept ending" in problem for problem in hub.health(pool.site)[1])
    entry = hub.one("select actor, action, detail ->> 'next' as next from audit where action = 'lane.epoch'")
    assert tuple(entry) == ("hub", "lane.epoch", f"{pool.queue}.e1")
    assert pool.process.poll() is None
