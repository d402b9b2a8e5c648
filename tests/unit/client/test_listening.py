"""Where a stream of events is, and for how long nobody answering is borne; with a clock of the test's own."""

import httpx
import pytest

from orchestrator.client.events import of_job
from orchestrator.errors import Unreachable

GONE = httpx.ConnectError("refused")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_patience_begins_anew_with_each_sign_of_life():
    clock = Clock()
    listening = of_job("http://x", 9, None, 60.0, None, clock)
    for _ in range(20):
        clock.now += 10
        assert listening.take(": nothing new") is None
    clock.now += 59
    listening.away(GONE)
    clock.now += 2
    with pytest.raises(Unreachable, match="refused"):
        listening.away(GONE)


def test_a_pause_is_never_longer_than_the_time_that_is_left():
    clock = Clock()
    listening = of_job("http://x", 9, None, 60.0, 5.0, clock)
    listening.begin()
    listening.refused(httpx.Response(503, headers={"Retry-After": "20"}))
    clock.now += 4
    assert listening.pause_s() == 1.0
    clock.now += 1
    with pytest.raises(TimeoutError):
        listening.away(GONE)
