"""Schedules: what is done when one comes due, and when that is for those that do not go by a calendar.

The first of ``STARTED``, ``SKIPPED``, ``FAILED`` and ``MISSED`` that a firing comes to stays; ``QUEUED`` is what it may
be before.
"""

from datetime import datetime, timedelta
from enum import StrEnum

MOST_QUEUED = 100
"""So many firings of one schedule wait at most: one that comes due faster than its jobs end would queue for ever."""
SHORTEST_S = 1.0
"""Between two firings."""
_TICK = timedelta(microseconds=1)


class Overlap(StrEnum):
    """What is done with a firing while the job of an earlier one has not ended."""

    SKIP = "skip"
    QUEUE = "queue"
    REPLACE = "replace"


class Outcome(StrEnum):
    """What became of a firing."""

    QUEUED = "queued"  # it starts its job once the one before has ended
    STARTED = "started"
    SKIPPED = "skipped"
    FAILED = "failed"  # its job could not be submitted
    MISSED = "missed"  # longer ago than is made up


class Verdict(StrEnum):
    """What is to be done now with a firing."""

    START = "start"
    SKIP = "skip"
    QUEUE = "queue"
    REPLACE = "replace"  # the job is cancelled, what is queued is skipped, and this one is queued
    REFUSE = "refuse"  # too many are queued


def decide(overlap: Overlap, *, running: bool, queued: int) -> Verdict:
    """What is to be done with a firing, whether a job of the schedule is running and so many firings are queued."""
    if not running and not queued:
        return Verdict.START
    if overlap is Overlap.QUEUE:
        return Verdict.QUEUE if queued < MOST_QUEUED else Verdict.REFUSE
    return Verdict.SKIP if overlap is Overlap.SKIP else Verdict.REPLACE


def every_after(anchor: datetime, every: timedelta, moment: datetime) -> datetime:
    """The first time after the moment that is a whole number of intervals, at least one, after the anchor.

    It is counted in time that passes, and knows of no summer.
    """
    return anchor + max((moment - anchor) // every + 1, 1) * every


def is_missed(due: datetime, now: datetime, catch_up: timedelta) -> bool:
    """Whether it is too late to make up for what was due."""
    return now - due > catch_up


def before_window(now: datetime, catch_up: timedelta) -> datetime:
    """The last moment at which what was due is not made up any more: what comes after it is."""
    return now - catch_up - _TICK
