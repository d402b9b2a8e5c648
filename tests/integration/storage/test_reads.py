"""Lists look through so many tasks at a time, and find the same as if they looked through all."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from benchmarks.rows import fill
from orchestrator.contracts.views import Outcome, Page
from orchestrator.domain.task import TaskState
from orchestrator.storage.queries import paths, tasks
from orchestrator.storage.queries.snapshot import snapshot

JOBS, TASKS = 110, 4000
LARGE = JOBS // 2
Read = Callable[[Connection, int, str | None], Page[Any]]


@pytest.fixture
def filled(engine: Engine, database_url: str) -> Engine:
    fill(database_url, tasks=TASKS, jobs=JOBS)
    return engine


def everything(tx: Connection, read: Read, limit: int) -> tuple[list[Any], int]:
    """All items, and how many pages they came in."""
    found: list[Any] = []
    cursor: str | None = None
    for pages in itertools.count(1):
        page = read(tx, limit, cursor)
        found += page.items
        assert len(page.items) <= limit
        if (cursor := page.next_cursor) is None:
            return found, pages
    raise AssertionError


@pytest.mark.parametrize("limit", [3, 500])
@pytest.mark.parametrize("job", [LARGE, 102])
def test_what_is_found_is_the_same_however_far_a_page_looks(
    filled: Engine, job: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    filters: list[dict[str, Any]] = [{"state": [state]} for state in TaskState]
    filters += [{}, {"state": [TaskState.ERROR, TaskState.FAILURE]}, {"state": [TaskState.FAILURE, TaskState.SUCCESS]}]
    filters += [{"step": [1]}, {"step": [7]}, {"site": [f"site-{job % 10}"]}, {"state": [TaskState.ERROR], "step": [0]}]
    with snapshot(filled) as tx:
        rows = tx.execute(
            text("select id, state, id & 63 as step from tasks where job_id = :j order by id"), {"j": job}
        )
        all_of_it = rows.all()
        for asked in filters:

            def read(tx: Connection, limit: int, cursor: str | None, asked: dict[str, Any] = asked) -> Page[Any]:
                return tasks.list_tasks(tx, job, limit, cursor, **asked)

            monkeypatch.setattr(tasks, "LOOKED_THROUGH", 20_000)
            whole, _ = everything(tx, read, limit)
            monkeypatch.setattr(tasks, "LOOKED_THROUGH", 7)
            assert everything(tx, read, limit)[0] == whole
            steps = asked.get("step") or ([0] if "site" in asked else [0, 1])
            states = asked.get("state") or list(TaskState)
            expected = [row.id for row in all_of_it if row.state in states and row.step in steps]
            assert [task.id for task in whole] == expected, asked


@pytest.mark.parametrize("job", [LARGE, 102, 10, JOBS])
def test_the_same_goes_for_paths(filled: Engine, job: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with snapshot(filled) as tx:
        counted = tx.execute(text("select * from progress where job_id = :job"), {"job": job}).one()
        for outcomes in [*([one] for one in Outcome), [Outcome.FAILED, Outcome.PROCESSED], []]:

            def read(tx: Connection, limit: int, cursor: str | None, which: list[Outcome] = outcomes) -> Page[Any]:
                return paths.list_paths(tx, job, limit, cursor, outcome=which)

            monkeypatch.setattr(tasks, "LOOKED_THROUGH", 20_000)
            whole, _ = everything(tx, read, 50)
            monkeypatch.setattr(tasks, "LOOKED_THROUGH", 7)
            assert everything(tx, read, 50)[0] == whole
            assert len(whole) == sum(getattr(counted, one) for one in outcomes or Outcome)


def test_what_the_counters_know_not_to_be_there_is_not_looked_for(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "LOOKED_THROUGH", 7)
    with snapshot(filled) as tx:
        vain: list[dict[str, Any]] = [{"state": [TaskState.PENDING]}, {"step": [9]}, {"site": ["nowhere"]}]
        for asked in vain:
            assert tasks.list_tasks(tx, LARGE, 50, **asked).next_cursor is None
        assert tasks.list_tasks(tx, LARGE, 50, state=[TaskState.CANCELLED]).next_cursor is not None
