import threading
import time
from collections.abc import Callable

import pytest
from redis import Redis

from orchestrator.broker.permits import Permits
from orchestrator.contracts import names
from orchestrator.contracts.claims import CLAIMED, OUT
from orchestrator.contracts.parcel import Parcel, TaskOrder
from orchestrator.contracts.paths import PathList, pack
from orchestrator.contracts.report import Ended, Item, Started
from tests.integration.workers.pool import Pool
from workers.claim import Claims
from workers.seen import Seen

pytestmark = pytest.mark.timeout(180)
BATCH = pack(PathList([b"/x"], "?"))
LAST = 99


def finish(pool: Pool) -> list[Item]:
    """Wait until all that stands in the queue of a pool of one has been taken; what was said of it."""
    pool.job += 1
    pool.publish(pool.parcel("noop", [], tasks=[TaskOrder(LAST, 1, BATCH)]))
    pool.ended(task=LAST)
    return [item for item in pool.items if item.task != LAST]


def test_a_message_that_comes_three_times_is_run_once(pool: Pool) -> None:
    parcel = pool.parcel("noop", [b"/x"])
    pool.publish(parcel)
    pool.publish_message(parcel)
    pool.publish_message(parcel)
    assert [type(item) for item in finish(pool)] == [Started, Ended]


def test_what_has_been_taken_back_is_not_run(pool: Pool) -> None:
    runs = pool.parcel("sleep", [b"/x"], params={"seconds": 1.5})
    pool.publish(runs)
    pool.until(lambda: pool.items, "the beginning of the task")
    pool.job += 1
    back = pool.parcel("noop", [], tasks=[TaskOrder(2, 1, BATCH), TaskOrder(3, 7, BATCH)])
    pool.publish(back)
    pool.publish(pool.parcel("noop", [], tasks=[TaskOrder(4, 1, BATCH)]))
    assert pool.permits.revoke(pool.site, None, [runs.id, back.id, "another"]) == {back.id}
    pool.ended(task=4)
    assert {item.task for item in finish(pool)} == {1, 4}


def no_permit(pool: Pool, _parcel: Parcel) -> None:
    pool.permits.revoke(pool.site, pool.job, [])


def somebody_elses(pool: Pool, parcel: Parcel) -> None:
    pool.redis.hset(names.handouts_key(pool.site), parcel.id, CLAIMED)


def taken_back(pool: Pool, parcel: Parcel) -> None:
    pool.redis.hdel(names.handouts_key(pool.site), parcel.id)


def another_epoch(pool: Pool, parcel: Parcel) -> None:
    pool.redis.set(names.EPOCH_KEY, parcel.epoch + 1)


def no_epoch(pool: Pool, _parcel: Parcel) -> None:
    pool.redis.delete(names.EPOCH_KEY)


def nothing_left(pool: Pool, _parcel: Parcel) -> None:
    pool.redis.delete(names.EPOCH_KEY, names.handouts_key(pool.site), names.permits_key(pool.site))


@pytest.mark.parametrize("change", [no_permit, somebody_elses, taken_back, another_epoch, no_epoch, nothing_left])
def test_what_can_not_be_claimed_is_not_run(pool: Pool, change: Callable[[Pool, Parcel], None]) -> None:
    pool.publish(pool.parcel("sleep", [b"/x"], params={"seconds": 1.0}))
    pool.until(lambda: pool.items, "the beginning of the task")
    pool.job += 1
    parcel = pool.parcel("noop", [], tasks=[TaskOrder(2, 1, BATCH)])
    pool.publish(parcel)
    change(pool, parcel)
    pool.until(lambda: f"{parcel.id} of job {parcel.job} is not ours to run" in pool.log_text(), "its being dropped")
    pool.redis.set(names.EPOCH_KEY, parcel.epoch)
    assert {item.task for item in finish(pool)} == {1}


def test_a_host_that_has_seen_a_newer_epoch_runs_nothing_older(pool: Pool) -> None:
    older = pool.permits.epoch() or 0
    pool.permits.begin_epoch(older + 1, [pool.site])
    assert finish(pool) == []
    # All of Redis is as it was before.
    pool.permits.begin_epoch(older, [pool.site])
    pool.publish(pool.parcel("noop", [b"/x"]))
    pool.until(lambda: "refused a message for noop: it is of the broker's epoch" in pool.log_text(), "the refusal")
    pool.permits.begin_epoch(older + 1, [pool.site])
    pool.publish(pool.parcel("noop", [], tasks=[TaskOrder(3, 1, BATCH)]))
    pool.ended(task=3)
    assert 1 not in {item.task for item in pool.items}


def test_while_redis_is_away_it_is_asked_again_and_then_nothing_is_run(redis_url: str) -> None:
    nowhere, there = Redis(port=1, socket_timeout=1), threading.Event()
    redis = Redis.from_url(redis_url, socket_timeout=5)
    permits = Permits(redis)
    permits.begin_epoch(1, ["london"])
    permits.allow({"london": [1]})
    redis.hset(names.handouts_key("london"), "p", OUT)
    parcel = Parcel("p", "london", "default", "worker", "noop", 1, 0, {}, [], time.time() + 60, epoch=1)
    assert not Claims(lambda: nowhere, "london", Seen(), threading.Event(), patience_s=0.5).win(parcel)
    won: list[bool] = []
    patient = Claims(lambda: redis if there.is_set() else nowhere, "london", Seen(), threading.Event(), patience_s=60)
    waits = threading.Thread(target=lambda: won.append(patient.win(parcel)), daemon=True)
    waits.start()
    waits.join(0.5)
    assert waits.is_alive()
    there.set()
    waits.join(20)
    assert won == [True]
    assert not patient.win(parcel)
    redis.close()
    nowhere.close()
