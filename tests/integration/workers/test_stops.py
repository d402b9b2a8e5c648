"""Jobs that are told to stop: who does, and who is made to."""

from collections.abc import Callable

import pytest

from orchestrator.contracts.parcel import TaskOrder
from orchestrator.contracts.paths import PathList, pack
from orchestrator.contracts.report import Died, Ended, Returned
from tests.integration.workers.pool import Pool
from tests.integration.workers.test_deaths import HAZARDS, children, said, tasks

pytestmark = pytest.mark.timeout(180)


def test_what_stops_reports_what_it_has_done_and_no_more(start_pool: Callable[..., Pool]) -> None:
    pool = start_pool(extra=HAZARDS)
    batch = pack(PathList([b"/fine", b"/fail", b"/until-told", b"/never"], "????"))
    pool.publish(pool.parcel("hazard", [], tasks=[TaskOrder(1, 1, batch), *tasks("/fine", first=2)]))
    pool.until(lambda: pool.items, "the beginning of the task")
    pool.permits.stop(pool.job, [pool.site], 60.0)
    ended = pool.ended()
    assert ended.stopped
    assert (ended.processed, ended.skipped, ended.failed, ended.aborted) == (1, 0, 1, 0)
    assert [(problem.index, problem.outcome) for problem in ended.problems] == [(1, "failed")]
    pool.until(lambda: len(pool.items) == 3, "the second task")
    assert pool.items[2] == Returned(2, 1, "the job is being stopped")


@pytest.mark.parametrize("path", ["/wait", "/stuck"])
def test_what_does_not_stop_is_killed_when_its_grace_is_over_and_nothing_else_is(
    start_pool: Callable[..., Pool], path: str
) -> None:
    pool = start_pool(extra=HAZARDS, size=2)
    pool.publish(pool.parcel("hazard", [], tasks=tasks(path, "/fine")))
    pool.publish(pool.parcel("sleep", [], job=2, tasks=tasks("/x", first=3), params={"seconds": 4.0}))
    pool.until(lambda: len(pool.items) == 2, "the beginning of both tasks")
    before = {child.pid for child in children(pool)}
    pool.permits.stop(1, [pool.site], 1.0)
    pool.until(lambda: (Died, 1) in said(pool), "the end of the grace")
    assert Died(1, 1, "it did not stop within 1 s and was killed") in pool.items
    assert said(pool).count((Returned, 2)) == 1
    assert pool.ended(task=3).processed == 1
    assert len(before & {child.pid for child in children(pool)}) == 1
    assert len([item for item in pool.items if isinstance(item, Ended)]) == 1
