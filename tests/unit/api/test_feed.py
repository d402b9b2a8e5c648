"""The feed: one look for all, only news, the newest first, to the end."""

import asyncio
from collections.abc import Mapping, Sequence

from orchestrator.api.feed import Feed, Ring
from orchestrator.contracts.views import PathCounts, Progress, Snapshot, TaskCounts
from orchestrator.domain.batch_job import JobState


def at(done: int, state: JobState = JobState.STARTED, rate: float = 0.0) -> Snapshot:
    progress = Progress(done=done, total=9, total_is_final=True, percent=0, rate_per_s=rate, eta=None)
    return Snapshot(seq=1, state=state, tasks=TaskCounts(), paths=PathCounts(), progress=progress)


class Script:
    """Answers each look with the next of some snapshots of job 1; None is a look that fails."""

    def __init__(self, *looks: Snapshot | None) -> None:
        self.looks, self.asked = list(looks), list[Sequence[int]]()

    async def __call__(self, jobs: Sequence[int]) -> Mapping[int, Snapshot]:
        self.asked.append(jobs)
        news = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if news is None:
            raise ConnectionError
        return {1: news}


async def hear(feed: Feed, job: int = 1) -> list[Snapshot | None]:
    return [news async for news in feed.listen(job)]


def test_only_changes_are_told_and_the_end_closes():
    end = at(9, JobState.SUCCESS)
    script = Script(at(0), at(0, rate=1.0), None, at(5), end)
    heard = asyncio.run(hear(Feed(script, tick_s=0.001)))
    assert heard == [at(0), at(5), end]


def test_all_who_listen_share_one_look():
    script = Script(at(0), at(9, JobState.SUCCESS))

    async def many() -> list[list[Snapshot | None]]:
        feed = Feed(script, tick_s=0.001)
        heard = await asyncio.gather(*(hear(feed) for _ in range(50)))
        assert feed.listeners == 0
        return list(heard)

    assert all(heard[-1] == at(9, JobState.SUCCESS) for heard in asyncio.run(many()))
    assert len(script.asked) <= 3
    assert script.asked[0] == [1]


def test_a_job_that_is_gone_closes_and_quiet_is_told():
    assert asyncio.run(hear(Feed(Script(at(0)), tick_s=0.001), job=2)) == []

    async def first_two() -> list[Snapshot | None]:
        heard = Feed(Script(at(0)), tick_s=0.001, quiet_s=0.01).listen(1)
        return [await anext(heard), await anext(heard)]

    assert asyncio.run(first_two()) == [at(0), None]


def test_a_job_that_moves_on_is_told_at_once():
    script = Script(at(0), at(9, JobState.SUCCESS))

    rings: list[Ring] = []

    async def moves(ring: Ring) -> None:
        rings.append(ring)

    async def hear_and_move() -> list[Snapshot | None]:
        heard: list[Snapshot | None] = []
        async for news in Feed(script, moves, tick_s=3600).listen(1):
            heard.append(news)
            rings[0](1)
        return heard

    assert asyncio.run(hear_and_move()) == [at(0), at(9, JobState.SUCCESS)]


def test_who_comes_between_two_ticks_is_told_at_once():
    script = Script(at(0))

    async def two() -> list[Snapshot | None]:
        feed = Feed(script, tick_s=3600)
        return [await anext(feed.listen(1)), await anext(feed.listen(1))]

    assert asyncio.run(two()) == [at(0), at(0)]
