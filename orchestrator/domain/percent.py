"""How much of a group job is done, and how long its tasks took.

The percent goes by effort, which is known before the work is done; how long a task really took is told beside it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from orchestrator.domain.task_group import TaskStatus


def percent_complete(tasks: Iterable[tuple[TaskStatus, float]]) -> float:
    """100 x the effort of what is Complete / the effort of all that is not Cancelled; each task as (status, effort).

    No task at all is 0; where nothing is left to be done because all was cancelled, 100.
    """
    efforts = list(tasks)
    needed = sum(effort for status, effort in efforts if status is not TaskStatus.CANCELLED)
    done = sum(effort for status, effort in efforts if status is TaskStatus.COMPLETE)
    if not needed:
        return 100.0 if efforts else 0.0
    return 100.0 * done / needed


def duration_s(started_at: datetime | None, ended_at: datetime | None) -> float | None:
    """Seconds from the begin of a task to its end, wall clock; None while one of them is not known."""
    return None if started_at is None or ended_at is None else (ended_at - started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Durations:
    """What many durations come to, in seconds."""

    count: int
    median_s: float
    total_s: float


def durations(seconds: Sequence[float]) -> Durations:
    """Their count, median and total; of at least one."""
    return Durations(len(seconds), median(seconds), sum(seconds))
