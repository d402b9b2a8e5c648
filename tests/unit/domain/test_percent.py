"""Percent complete by effort, and durations, against numbers reckoned by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.percent import duration_s, durations, percent_complete
from orchestrator.domain.task_group import TaskStatus

S = TaskStatus


@pytest.mark.parametrize(
    ("tasks", "percent"),
    [
        ([], 0.0),
        ([(S.WAITING, 1.0)], 0.0),
        ([(S.COMPLETE, 5.0), (S.WAITING, 2.0), (S.WAITING, 1.0)], 62.5),
        ([(S.COMPLETE, 5.0), (S.WORKING, 2.0), (S.WAITING, 1.0), (S.WAITING, 2.0)], 50.0),
        ([(S.COMPLETE, 1.0), (S.READY, 3.0), (S.CANCELLED, 96.0)], 25.0),
        ([(S.COMPLETE, 1.0), (S.CANCELLED, 9.0)], 100.0),
        ([(S.CANCELLED, 1.0)], 100.0),
    ],
)
def test_by_effort(tasks: list[tuple[TaskStatus, float]], percent: float) -> None:
    assert percent_complete(tasks) == percent


@given(st.lists(st.tuples(st.sampled_from(TaskStatus), st.floats(0.001, 1e6)), min_size=1))
def test_it_is_between_0_and_100(tasks: list[tuple[TaskStatus, float]]) -> None:
    assert 0.0 <= percent_complete(tasks) <= 100.0 + 1e-9


def test_durations() -> None:
    begun = datetime(2030, 1, 31, 9, tzinfo=UTC)
    assert duration_s(begun, begun + timedelta(hours=1, seconds=0.5)) == 3600.5
    assert duration_s(None, begun) is duration_s(begun, None) is None
    told = durations([10.0, 40.0, 20.0, 30.0])
    assert (told.count, told.median_s, told.total_s) == (4, 25.0, 100.0)
