"""What is done with a firing, and when a schedule is due."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contracts.faults import read_storable
from orchestrator.contracts.schedule import ScheduleAsked
from orchestrator.domain.schedule import (
    MOST_QUEUED,
    Overlap,
    Verdict,
    before_window,
    decide,
    every_after,
    is_missed,
)
from orchestrator.errors import Invalid

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
MOMENTS = st.integers(0, 10**15).map(lambda microseconds: NOW + timedelta(microseconds=microseconds))
INTERVALS = st.timedeltas(timedelta(seconds=1), timedelta(days=366))


def asked(**said: Any) -> ScheduleAsked:
    body = {"name": "nightly", "workflow": "copy", "site": "london", "paths": ["/data"], **said}
    return read_storable(ScheduleAsked, body, "no")


@pytest.mark.parametrize("overlap", Overlap)
def test_what_overlaps_nothing_starts(overlap: Overlap) -> None:
    assert decide(overlap, running=False, queued=0) is Verdict.START


@pytest.mark.parametrize(
    ("overlap", "queued", "verdict"),
    [
        (Overlap.SKIP, 0, Verdict.SKIP),
        (Overlap.REPLACE, 0, Verdict.REPLACE),
        (Overlap.REPLACE, 1, Verdict.REPLACE),
        (Overlap.QUEUE, 0, Verdict.QUEUE),
        (Overlap.QUEUE, MOST_QUEUED - 1, Verdict.QUEUE),
        (Overlap.QUEUE, MOST_QUEUED, Verdict.REFUSE),
    ],
)
def test_what_overlaps(overlap: Overlap, queued: int, verdict: Verdict) -> None:
    assert decide(overlap, running=True, queued=queued) is verdict


@pytest.mark.parametrize("overlap", Overlap)
def test_none_overtakes_what_is_queued(overlap: Overlap) -> None:
    assert decide(overlap, running=False, queued=1) is not Verdict.START


@given(MOMENTS, INTERVALS, MOMENTS)
def test_an_interval_is_counted_from_its_anchor(anchor: datetime, every: timedelta, moment: datetime) -> None:
    due = every_after(anchor, every, moment)
    assert due > moment
    assert due >= anchor + every, "never at once"
    assert (due - anchor) % every == timedelta(0)
    assert due - every <= max(moment, anchor), "the first that comes"


@given(MOMENTS, st.timedeltas(timedelta(seconds=10), timedelta(days=366)), INTERVALS)
def test_what_is_missed_and_what_is_made_up_are_all_there_is(
    now: datetime, catch_up: timedelta, late: timedelta
) -> None:
    due = now - late
    assert is_missed(due, now, catch_up) == (due <= before_window(now, catch_up))


def test_an_interval_knows_of_no_summer() -> None:
    every = asked(every="24h")
    anchor = datetime(2026, 3, 28, 12, tzinfo=UTC)
    days = list(islice(every.due_from(anchor, every.due_after(anchor, anchor)), 3))
    assert [(day - anchor) / timedelta(hours=1) for day in days] == [24, 48, 72]


def test_once_is_once() -> None:
    once = asked(at="2026-07-01T14:00:00+02:00")
    before = NOW - timedelta(seconds=1)
    assert once.due_after(before, before) == NOW
    assert once.due_after(before, NOW) is None
    assert list(once.due_from(before, NOW)) == [NOW]


@given(st.sampled_from([{"cron": "*/5 1-4 * * *", "timezone": "Europe/Berlin"}, {"every": "90m"}]), MOMENTS)
def test_the_times_to_come_are_what_is_due_one_after_the_other(when: dict[str, Any], moment: datetime) -> None:
    schedule = asked(**when)
    times = list(islice(schedule.due_from(moment, schedule.due_after(moment, moment)), 10))
    assert len(times) == 10
    assert times == sorted(set(times))
    assert all(schedule.due_after(moment, earlier) == later for earlier, later in pairwise(times))


@pytest.mark.parametrize(
    ("said", "place", "reason"),
    [
        ({}, "$", "needs one of cron, every and at"),
        ({"every": "1h", "cron": "@daily"}, "$", "not cron and every"),
        ({"every": "1h", "timezone": "UTC"}, "$", "timezone is for cron"),
        ({"every": "500ms"}, "$.every", "at least 1 s"),
        ({"every": "400d"}, "$.every", "366 days"),
        ({"every": "soon"}, "$.every", "number of seconds"),
        ({"cron": "x"}, "$.cron", "five fields"),
        ({"cron": 5}, "$.cron", "text"),
        ({"cron": "@daily", "timezone": "Here"}, "$.timezone", "no time zone"),
        ({"at": "tomorrow"}, "$.at", ""),
        ({"at": "2030-01-01T00:00:00"}, "$.at", "no time zone"),
        ({"every": "1h", "overlap": "both"}, "$.overlap", "skip"),
        ({"every": "1h", "catch_up": 0}, "$.catch_up", "at least 10 s"),
        ({"every": "1h", "name": "12"}, "$.name", "match"),
        ({"every": "1h", "name": "A b"}, "$.name", "match"),
        ({"every": "1h", "planet": "x"}, "$.planet", "unknown key"),
        ({"every": "1h", "paths": "/a"}, "$.paths", "list"),
        ({"every": "1h", "enabled": "yes"}, "$.enabled", "true or false"),
        ({"every": "1h", "workflow_version": 0}, "$.workflow_version", ""),
    ],
)
def test_what_is_wrong_has_its_place(said: dict[str, Any], place: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        asked(**said)
    assert [fault.place for fault in refused.value.faults] == [place]
    assert reason in refused.value.faults[0].reason


def test_what_is_kept_says_the_same_again() -> None:
    schedule = asked(every="1h", fields={"to": "paris"}, discovery=None, overlap="queue", workflow_version=2)
    assert ScheduleAsked.model_validate(schedule.kept) == schedule
    assert schedule.submission == {
        "name": "nightly",
        "workflow": "copy",
        "workflow_version": 2,
        "site": "london",
        "paths": ["/data"],
        "fields": {"to": "paris"},
        "discovery": None,
    }
