"""The hub is woken when a job has come; where it can not be, nothing is wrong."""

import socket

import pytest
from redis import Redis

from orchestrator.broker.wake import wake
from orchestrator.contracts.names import WAKE_STREAM


def test_waking_leaves_an_entry_and_not_many(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        wake(redis_url)
        assert redis.xlen(WAKE_STREAM) == 1
        for _ in range(1000):
            wake(redis_url)
        assert int(redis.xlen(WAKE_STREAM)) < 500  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("password", ["", ":wrong@"])
def test_a_broker_that_is_not_there_is_no_error(password: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    wake(f"redis://{password}127.0.0.1:{port}/0")
    wake(None)
