"""What the watch says of a child that died while it claimed, without Celery in between."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr
from redis import Redis

from orchestrator.broker.permits import Permits
from orchestrator.contracts.claims import CLAIMED, OUT
from orchestrator.contracts.names import Function, handouts_key, reports_stream
from orchestrator.contracts.parcel import Parcel, TaskOrder
from orchestrator.contracts.report import Died, Item, Reports, Returned, Started
from orchestrator.contracts.seal import unseal
from workers.page import Page
from workers.runtime import Runtime
from workers.site import SiteFile
from workers.watch import Watch

KEY = b"k" * 32
KILLED = "its process was killed by SIGKILL"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        permits = Permits(redis)
        permits.begin_epoch(1, ["london"])
        permits.allow({"london": [7]})
        yield redis


@pytest.fixture
def runtime(redis_url: str, tmp_path: Path) -> Runtime:
    site = SiteFile(
        name="london",
        redis_url=SecretStr(redis_url),
        key=SecretStr(KEY.hex()),
        queues={"default": {Function.WORKER: 1}},
        state=tmp_path,
    )
    return Runtime(site, KEY, "london.worker@here", "default", "worker")


def parcel(*tasks: tuple[int, int]) -> Parcel:
    orders = [TaskOrder(task, attempt, b"") for task, attempt in tasks]
    return Parcel("p", "london", "default", "worker", "noop", 7, 0, {}, orders, 0.0, epoch=1)


def after_death(runtime: Runtime, redis: Redis, was_at: Callable[[Page], None]) -> list[Item]:
    """What is said of a child that was at this."""
    watch = Watch(runtime, lambda _name, _argument: None)
    watch.start()
    process = runtime.children.fork(lambda: subprocess.Popen(["sleep", "60"]))
    [child] = runtime.children.living()
    was_at(child.page)
    process.kill()
    runtime.children.lost(process.pid, process.wait())
    watch.stop()
    assert runtime.reporter.flush(20)
    entries = cast(Any, redis.xrange(reports_stream("london")))
    return [item for _, fields in entries for item in unseal(KEY, Reports, fields[b"d"]).items]


def test_what_it_did_not_get_is_claimed_in_its_place_and_handed_back(runtime: Runtime, redis: Redis) -> None:
    redis.hset(handouts_key("london"), mapping={"p": OUT, "another": OUT})
    said = after_death(runtime, redis, lambda page: page.claiming(parcel((1, 4), (2, 3)), 0.0))
    assert said == [Returned(1, 4, KILLED), Returned(2, 3, KILLED)]
    assert redis.hgetall(handouts_key("london")) == {b"p": b"claimed", b"another": b"out"}


@pytest.mark.parametrize("there", [{}, {"p": CLAIMED}])
def test_of_what_is_somebody_elses_by_now_nothing_is_said(
    runtime: Runtime, redis: Redis, there: dict[str, str]
) -> None:
    redis.hset(handouts_key("london"), mapping={"another": OUT, **there})
    assert after_death(runtime, redis, lambda page: page.claiming(parcel((1, 4)), 0.0)) == []


def test_what_it_got_is_not_asked_for_again(runtime: Runtime, redis: Redis) -> None:
    def was_at(page: Page) -> None:
        page.claiming(parcel((1, 1), (2, 1)), 0.0)
        page.claimed(won=True)
        page.saying(Started(1, 1, time.time()))

    assert after_death(runtime, redis, was_at) == [Died(1, 1, KILLED), Returned(2, 1, KILLED)]
