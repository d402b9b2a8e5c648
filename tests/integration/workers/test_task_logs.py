"""What real workers send of what is logged while a task runs."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.contracts.parcel import TaskOrder
from orchestrator.contracts.paths import PathList, pack
from orchestrator.contracts.report import LogLine, TaskProgress
from tests.integration.workers.pool import Pool

pytestmark = pytest.mark.timeout(180)
ACTIONS = f'actions = ["{Path(__file__).parent / "talkative.py"}"]'


def test_all_that_is_logged_comes_with_the_reports_and_nothing_else(start_pool: Callable[..., Pool]) -> None:
    pool = start_pool(extra=ACTIONS)
    batch = pack(PathList([b"/a"], "?"))
    pool.publish(pool.parcel("talkative", [], tasks=[TaskOrder(1, 1, batch), TaskOrder(2, 3, batch)]))
    pool.ended(1)
    assert pool.ended(2, 3).processed == 1
    lines = [said for said in pool.said if isinstance(said, LogLine)]
    assert [(line.task, line.attempt) for line in lines] == [(1, 1)] * 5 + [(2, 3)] * 5
    assert [(line.level, line.message, line.path, line.logger) for line in lines[:5]] == [
        (logging.INFO, "by the context", b"/a", "orchestrator.action.talkative"),
        (logging.WARNING, "by a library", b"/a", "some.library"),
        (logging.INFO, "by print", b"/a", "print"),
        (logging.INFO, "by standard error", b"/a", "print"),
        (logging.INFO, "at the end", None, "some.library"),
    ]
    progress = [said for said in pool.said if isinstance(said, TaskProgress)]
    assert [(said.task, said.share, said.note, said.path) for said in progress] == [
        (1, 0.25, "a quarter", b"/a"),
        (2, 0.25, "a quarter", b"/a"),
    ]
    assert "job 1 step 0 task 1: by the context" in pool.log_text(), "and it is in the worker's own log"
