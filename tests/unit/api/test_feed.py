"""The feed: one look for all, only news, every move, the newest first, to the end."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from orchestrator.api import listener as listeners
from orchestrator.api.feed import Feed, Ring
from orchestrator.api.listener import Listener, Listeners
from orchestrator.contracts.views import PathCounts, Progress, Snapshot, TaskCounts
from orchestrator.domain.batch_job import JobState


def at(done: int, state: JobState = JobState.STARTED, rate: float = 0.0, seq: int = 1) -> Snapshot:
    progress = Progress(done=done, total=9, total_is_final=True, percent=0, rate_per_s=rate, eta=None)
    return Snapshot(seq=seq, state=state, tasks=TaskCounts(), paths=PathCounts(), progress=progress)


END = at(9, JobState.SUCCESS, seq=2)


class Script:
    """Answers each look with the next of some news of job 1; None is a look that fails."""

    def __init__(self, *looks: list[Snapshot] | Snapshot | None) -> None:
        self.looks, self.asked = list(looks), list[Mapping[int, int | None]]()

    async def __call__(self, jobs: Mapping[int, int | None]) -> Mapping[int, list[Snapshot]]:
        self.asked.append(jobs)
        news = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if news is None:
            raise ConnectionError
        return {1: news if isinstance(news, list) else [news]}


def told(text: str) -> list[tuple[int, str, int]]:
    """(seq, state, done) of each event."""
    found: list[tuple[int, str, int]] = []
    for block in text.split("\n\n"):
        if block and not block.startswith(":"):
            name, data = block.split("\n")
            event: dict[str, Any] = json.loads(data.removeprefix("data: "))
            assert name == f"id: {event['seq']}"
            found.append((event["seq"], event["state"], event["progress"]["done"]))
    return found


async def hear(feed: Feed, job: int = 1, after: int | None = None) -> list[tuple[int, str, int]]:
    return told("".join([text async for text in feed.listen(job, after)]))


def test_only_changes_are_told_and_the_end_closes():
    script = Script(at(0), at(0, rate=1.0), None, at(5), END)
    assert asyncio.run(hear(Feed(script, tick_s=0.001))) == [(1, "Started", 0), (1, "Started", 5), (2, "Success", 9)]


def test_all_who_listen_share_one_look():
    script, seats = Script(at(0), END), Listeners()

    async def many() -> list[list[tuple[int, str, int]]]:
        feed = Feed(script, listeners=seats, tick_s=0.001)
        return list(await asyncio.gather(*(hear(feed) for _ in range(50))))

    assert all(heard[-1] == (2, "Success", 9) for heard in asyncio.run(many()))
    assert len(seats) == 0
    assert len(script.asked) <= 3
    assert script.asked[0] == {1: None}


def test_a_job_that_is_gone_closes_and_quiet_is_told():
    assert asyncio.run(hear(Feed(Script(at(0)), tick_s=0.001), job=2)) == []

    async def first_two() -> list[str]:
        heard = Feed(Script(at(0)), tick_s=0.001, quiet_s=0.01).listen(1)
        return [await anext(heard), await anext(heard)]

    first, second = asyncio.run(first_two())
    assert told(first) == [(1, "Started", 0)]
    assert second == ": nothing new\n\n"


def test_a_job_that_moves_on_is_told_at_once():
    script = Script(at(0), END)
    rings: list[Ring] = []

    async def moves(ring: Ring) -> None:
        rings.append(ring)

    async def hear_and_move() -> list[tuple[int, str, int]]:
        heard: list[tuple[int, str, int]] = []
        async for text in Feed(script, moves, tick_s=3600).listen(1):
            heard += told(text)
            rings[0](1)
        return heard

    assert asyncio.run(hear_and_move()) == [(1, "Started", 0), (2, "Success", 9)]


def test_who_comes_between_two_ticks_is_told_at_once():
    async def two() -> list[str]:
        feed = Feed(Script(at(0)), tick_s=3600)
        return [await anext(feed.listen(1)), await anext(feed.listen(1))]

    assert [told(text) for text in asyncio.run(two())] == [[(1, "Started", 0)]] * 2


def test_moves_between_two_looks_are_told_each():
    moves = [at(5, JobState.PAUSING, seq=3), at(5, JobState.PAUSED, seq=4), at(5, JobState.STARTED, seq=5)]
    script = Script(at(0, seq=2), moves, at(9, JobState.SUCCESS, seq=6))
    heard = asyncio.run(hear(Feed(script, tick_s=0.001)))
    assert [(seq, state) for seq, state, _ in heard] == [
        (2, "Started"), (3, "Pausing"), (4, "Paused"), (5, "Started"), (6, "Success")
    ]  # fmt: skip
    assert [one[1] for one in script.asked] == [None, 2, 5]


def test_who_comes_back_is_told_the_moves_that_it_missed_and_no_others():
    news = [at(9, JobState.STARTED, seq=2), at(9, JobState.PAUSED, seq=3), at(9, JobState.CANCELLED, seq=4)]

    async def both() -> list[list[tuple[int, str, int]]]:
        feed = Feed(Script(news), tick_s=0.001)
        return list(await asyncio.gather(hear(feed, after=2), hear(feed)))

    back, new = asyncio.run(both())
    assert [(seq, state) for seq, state, _ in back] == [(3, "Paused"), (4, "Cancelled")]
    assert [(seq, state) for seq, state, _ in new] == [(4, "Cancelled")]


def test_who_reads_slowly_gets_the_newest_and_is_let_go_when_too_much_waits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listeners, "MOST_WAITING", 3)

    async def heard(listener: Listener) -> list[str]:
        return [text async for text in listener.heard(0.01)]

    slow = Listener()
    for number in range(100):
        slow.tell(str(number), instead_of="progress")
    slow.end()
    assert asyncio.run(heard(slow)) == ["99"]
    stuck = Listener()
    for number in range(100):
        stuck.tell(str(number))
    assert asyncio.run(heard(stuck)) == []


def test_there_is_room_for_so_many_and_after_the_end_for_none():
    seats = Listeners(1)
    with seats.one() as listener:
        with pytest.raises(HTTPException) as full:
            seats.admit()
        assert (full.value.status_code, full.value.headers) == (503, {"Retry-After": "10"})
        listener.tell("last words")
        seats.close()

        async def heard() -> list[str]:
            return [text async for text in listener.heard(10)]

        assert asyncio.run(heard()) == ["last words"]
    with pytest.raises(HTTPException):
        seats.admit()
