"""A queue into which others have put what the hub never sends: what is good in it is run, and nobody dies of it."""

from collections.abc import Callable

import psutil
import pytest

from orchestrator.contracts.report import Ended
from tests.integration.workers.pool import Pool
from tests.integration.workers.test_deaths import tasks
from tests.malformed import malformed

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("size", [1, 2])
def test_good_work_behind_malformed_messages_is_done(start_pool: Callable[..., Pool], size: int) -> None:
    pool = start_pool(size=size, supervised=True)
    worker = psutil.Process(pool.process.pid).children()[0].pid
    entries = malformed(pool.queue)
    assert len(entries) == 16
    for number, entry in enumerate(entries.values(), start=1):
        pool.redis.lpush(pool.queue, entry)
        pool.publish(pool.parcel("noop", [], tasks=tasks("/a", first=number)))
    pool.until(lambda: len({item.task for item in pool.items if isinstance(item, Ended)}) == 16, "all good work")
    assert pool.redis.llen(pool.queue) == 0
    assert pool.redis.keys("*unacked*") == []
    assert [child.pid for child in psutil.Process(pool.process.pid).children()] == [worker], "it died of one"
    assert pool.log_text().count("dropped from") == 15
    pool.process.terminate()
    assert pool.process.wait(60) == 0
