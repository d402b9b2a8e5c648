"""Most tasks simply end well, all their paths processed at one go: these are told apart, and decided all at once."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Row

from orchestrator.contracts.report import Ended, Item, Started
from orchestrator.domain.batch_job import JobState
from orchestrator.domain.cascade import Tally, ending
from orchestrator.domain.task import TASK, TaskEvent, TaskState

Said = tuple[str, str, Item]
"""Site, node, and what it says of a task."""


class Smooth(NamedTuple):
    """A task that ended so, as it was before."""

    row: Row[Any]
    node: str
    seconds: float


def smooth(said: Iterable[Said], rows: Mapping[int, Row[Any]]) -> dict[int, Smooth]:
    """Those of which nothing else is said, by their number; ``rows`` are the tasks that are with the sites."""
    found: dict[int, Smooth] = {}
    others: set[int] = set()
    for site, node, item in said:
        task, row = item.task, rows.get(item.task)
        if row is None or row.attempt != item.attempt or row.site != site or task in found:
            others.add(task)
        elif isinstance(item, Ended) and _all_processed(item, row.given) and _at_one_go(row):
            found[task] = Smooth(row, node, item.seconds)
        elif not isinstance(item, Started):
            others.add(task)
    return {task: one for task, one in found.items() if task not in others} if others else found


def _all_processed(said: Ended, given: int) -> bool:
    return (
        said.processed == given
        and said.passed is said.error is said.carry is None
        and not (said.skipped or said.failed or said.aborted or said.problems or said.stopped or said.late)
    )


def _at_one_go(row: Row[Any]) -> bool:
    return row.settled_bits is row.suspect_bits is row.tried_bits is None and row.job_state != JobState.DEQUEUING


def end_of(was: TaskState) -> TaskState:
    """What such a task becomes, by the machine."""
    running = TASK.fire(was, TaskEvent.CLAIMED) if was is TaskState.PENDING else was
    return TASK.fire(running, ending(Tally(processed=1)))
