"""Children and workers that die: what their parent says of it, and what it does not say."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from orchestrator.contracts.parcel import TaskOrder
from orchestrator.contracts.paths import PathList, pack
from orchestrator.contracts.report import Died, Ended, Item, Returned, Started, TaskError
from tests.integration.workers.pool import Pool

pytestmark = pytest.mark.timeout(180)
HAZARDS = f'actions = ["{Path(__file__).with_name("hazards.py")}"]'


def tasks(*paths: str, first: int = 1) -> list[TaskOrder]:
    """A task for each path."""
    return [TaskOrder(first + i, 1, pack(PathList([path.encode()], "?"))) for i, path in enumerate(paths)]


def said(pool: Pool) -> list[tuple[type[Item], int]]:
    return [(type(item), item.task) for item in pool.items]


def children(pool: Pool) -> list[psutil.Process]:
    return psutil.Process(pool.process.pid).children()


def kill_child(pool: Pool) -> None:
    [child] = children(pool)
    child.kill()


def went_on(pool: Pool) -> None:
    """It works as before, and nothing more was said."""
    before = said(pool)
    pool.publish(pool.parcel("hazard", [], tasks=tasks("/fine", first=50)))
    assert pool.ended(task=50).processed == 1
    # Of what ends at once it need not be said that it began.
    assert [one for one in said(pool) if one != (Started, 50)] == [*before, (Ended, 50)]


@pytest.fixture
def pool(start_pool: Callable[..., Pool]) -> Pool:
    return start_pool(extra=HAZARDS)


def test_a_child_that_is_killed(pool: Pool) -> None:
    pool.publish(pool.parcel("hazard", [], tasks=tasks("/fine", "/wait", "/fine", "/fine")))
    pool.until(lambda: (Started, 2) in said(pool), "the second task")
    killed = time.monotonic()
    kill_child(pool)
    pool.until(lambda: (Returned, 4) in said(pool), "what is said of the dead")
    assert time.monotonic() - killed < 2
    assert pool.items[3:] == [
        Died(2, 1, "its process was killed by SIGKILL"),
        Returned(3, 1, "its process was killed by SIGKILL"),
        Returned(4, 1, "its process was killed by SIGKILL"),
    ]
    went_on(pool)


@pytest.mark.parametrize(("path", "how"), [("/exit", "ended with exit code 3"), ("/kill", "was killed by SIGKILL")])
def test_a_task_that_ends_its_process(pool: Pool, path: str, how: str) -> None:
    pool.publish(pool.parcel("hazard", [], tasks=tasks(path, "/fine")))
    pool.until(lambda: (Returned, 2) in said(pool), "what is said of the dead")
    # It died before its first words were sent, or after.
    assert [item for item in pool.items if not isinstance(item, Started)] == [
        Died(1, 1, f"its process {how}"),
        Returned(2, 1, f"its process {how}"),
    ]
    went_on(pool)


def test_of_what_the_hub_has_heard_nothing_more_is_said(pool: Pool) -> None:
    pool.publish(pool.parcel("hazard", [], tasks=tasks("/fine", "/fine")))
    pool.ended(task=2)
    kill_child(pool)
    went_on(pool)


def test_a_worker_that_is_told_to_end_by_a_signal_to_all_its_processes_costs_no_crash(pool: Pool) -> None:
    pool.publish(pool.parcel("hazard", [], tasks=tasks("/wait", "/fine")))
    pool.until(lambda: pool.items, "the beginning of the task")
    for process in (*children(pool), pool.process):
        process.send_signal(signal.SIGTERM)
    assert pool.process.wait(60) == 0
    pool.until(lambda: pool.announcements[-1].leaving, "leaving")
    assert said(pool) == [(Started, 1), (Returned, 1), (Returned, 2)]


def test_a_worker_that_is_killed_says_nothing_and_its_successor_does_not_hold_what_it_had(pool: Pool) -> None:
    lost = pool.parcel("hazard", [], tasks=tasks("/wait", "/fine"))
    pool.publish(lost)
    pool.until(lambda: lost.id in pool.announcements[-1].holding, "the parcel being held")
    pool.process.kill()
    pool.process.wait()
    pool.read()
    count = len(pool.announcements)
    pool.process = pool.start()
    pool.until(lambda: len(pool.announcements) > count + 1, "its successor")
    went_on(pool)
    assert said(pool)[:1] == [(Started, 1)]
    assert all(lost.id not in announcement.holding for announcement in pool.announcements[count:])


def test_what_is_stuck_beyond_its_time_limit_is_killed(pool: Pool) -> None:
    pool.publish(pool.parcel("hazard", [], tasks=tasks("/stuck", "/fine"), timeout=0.5, hard_timeout=1.5))
    pool.until(lambda: (Returned, 2) in said(pool), "the second task")
    [died] = [item for item in pool.items if isinstance(item, Died)]
    assert died == Died(1, 1, "took longer than 1.5 s and was killed", TaskError("TimeoutError", died.reason))
    went_on(pool)


def test_no_process_is_left_behind(pool: Pool) -> None:
    pool.publish(pool.parcel("hazard", [], tasks=tasks("/stuck")))
    pool.until(lambda: pool.items, "the beginning of the task")
    [child] = children(pool)
    os.kill(pool.process.pid, signal.SIGKILL)
    assert psutil.wait_procs([child], timeout=20)[1] == []
