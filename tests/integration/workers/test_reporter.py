import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from redis import Redis

from orchestrator.contracts.names import reports_stream
from orchestrator.contracts.report import Ended, Item, Problem, Reports, Returned, Started
from orchestrator.contracts.seal import unseal
from orchestrator.stack.program import launch
from orchestrator.stack.redis import prepare_redis
from workers.reporter import StreamReporter
from workers.stops import Stops

KEY = b"k" * 32


def entries(redis: Redis, site: str) -> list[list[Item]]:
    raw = cast(Any, redis.xrange(reports_stream(site)))
    return [unseal(KEY, Reports, fields[b"d"]).items for _, fields in raw]


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.02)


def big(task: int) -> Ended:
    return Ended(task, 1, 1.0, failed=100, problems=[Problem(i, "failed", b"/p" * 500) for i in range(100)])


def test_items_are_sent_soon_together_and_in_order(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        reporter = StreamReporter(lambda: redis, "london", "node", KEY)
        sent: list[Item] = [item for task in range(2000) for item in (Started(task, 1, 0.0), Returned(task, 1))]
        for item in sent:
            reporter.send(item)
        assert reporter.flush(20)
        got = entries(redis, "london")
        assert [item for entry in got for item in entry] == sent
        assert len(got) < 100
        assert max(len(entry) for entry in got) <= 500


def test_a_start_is_told_only_before_its_end_is_known(redis_url: str) -> None:
    under_way, go_on = threading.Event(), threading.Event()
    with Redis.from_url(redis_url) as redis:

        def connect() -> Redis:
            under_way.set()
            assert go_on.wait(20)
            return redis

        reporter = StreamReporter(connect, "london", "node", KEY)
        reporter.send(Started(1, 1, 0.0))
        reporter.hurry()
        assert under_way.wait(20), "the first entry is being sent: nothing is taken out of it"
        later: list[Item] = [
            Ended(1, 1, 0.0),
            Started(2, 1, 0.0),
            Ended(2, 1, 0.0),
            Started(3, 1, 0.0),
            Ended(3, 2, 0.0),
        ]
        for item in later:
            reporter.send(item)
        go_on.set()
        assert reporter.flush(20)
        told = [item for entry in entries(redis, "london") for item in entry]
        assert told == [Started(1, 1, 0.0), *(item for item in later if item != Started(2, 1, 0.0))]


def test_large_items_are_sent_apart(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        reporter = StreamReporter(lambda: redis, "london", "node", KEY)
        for task in range(6):
            reporter.send(big(task))
        assert reporter.flush(20)
        got = entries(redis, "london")
        assert [item.task for entry in got for item in entry] == list(range(6))
        assert max(len(entry) for entry in got) <= 2


def test_while_redis_is_away_items_are_kept_and_then_whoever_sends_waits(tmp_path: Path) -> None:
    server = prepare_redis(tmp_path, tmp_path / "redis.log", {"appendonly": "no"})
    redis = Redis.from_url(server.url, socket_timeout=2)
    reporter = StreamReporter(lambda: redis, "london", "node", KEY, kept_bytes=500_000)
    stops = Stops(lambda: redis, "london")
    assert not stops.asked(1)
    sent: list[int] = []

    def send() -> None:
        for task in range(10):
            reporter.send(big(task))
            sent.append(task)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    until(lambda: len(sent) == 4)
    sender.join(0.5)
    assert sender.is_alive()
    assert sent == [0, 1, 2, 3]
    assert not reporter.flush(0.1)
    process = launch(server.program(), str(tmp_path))
    try:
        sender.join(20)
        assert reporter.flush(20)
        assert [item.task for entry in entries(redis, "london") for item in entry] == list(range(10))
    finally:
        process.kill()
        process.wait()
        redis.close()
