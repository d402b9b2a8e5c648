"""Cron expressions in time zones: also where the clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contracts.cron import NAMED, checked_cron, cron_after, read_zone

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = "2026-03-29", "2026-10-25"
"""In Berlin 02:00 to 03:00 is left out on the one, and there twice on the other."""


def due(expression: str, day: str, zone: ZoneInfo = BERLIN, hours: int = 24) -> list[str]:
    """When it is due on that day, as that day's clocks show it, with their distance from UTC."""
    begin = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC)
    moment, found = begin - timedelta(microseconds=1), list[str]()
    while (moment := cron_after(expression, zone, moment) or begin.replace(year=9999)) < begin + timedelta(hours=hours):
        found.append(moment.astimezone(zone).strftime("%H:%M%z"))
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 2 * * *", ["03:00+0200"]),  # left out: at the moment of the jump
        ("0,30 2 * * *", ["03:00+0200"]),  # both at once: once
        ("30 1,2,3 * * *", ["01:30+0100", "03:00+0200", "03:30+0200"]),
        ("0 3 * * *", ["03:00+0200"]),
        ("0 */2 * * *", ["00:00+0100", "04:00+0200", "06:00+0200", "08:00+0200", "10:00+0200"]),
        ("*/30 1-3 * * *", ["01:00+0100", "01:30+0100", "03:00+0200", "03:30+0200"]),
    ],
)
def test_what_spring_leaves_out(expression: str, expected: list[str]) -> None:
    assert due(expression, SPRING, hours=23)[: len(expected)] == expected
    if "/" not in expression:
        assert due(expression, SPRING, hours=23) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 2 * * *", ["02:30+0200"]),  # there twice: the first time
        ("0,30 2 * * *", ["02:00+0200", "02:30+0200"]),
        ("30 1-3 * * *", ["01:30+0200", "02:30+0200", "03:30+0100"]),
        ("*/30 2 * * *", ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"]),  # an interval goes on
    ],
)
def test_what_autumn_has_twice(expression: str, expected: list[str]) -> None:
    assert due(expression, AUTUMN, hours=25) == expected


def test_an_hour_that_is_there_twice_has_every_minute_of_both() -> None:
    assert len(due("* * * * *", AUTUMN, hours=25)) == 25 * 60
    assert len(due("* * * * *", SPRING, hours=23)) == 23 * 60


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Africa/Cairo", "Australia/Lord_Howe", "America/New_York"])
def test_a_daily_time_comes_once_on_every_day(zone: str) -> None:
    """Also where the clocks change at midnight, or by half an hour."""
    there = read_zone(zone)
    for hour, minute in ((0, 0), (0, 30), (2, 15)):
        moment, days = datetime(2018, 1, 1, tzinfo=UTC), list[str]()
        for _ in range(365):
            moment = cron_after(f"{minute} {hour} * * *", there, moment) or moment
            days.append(moment.astimezone(there).date().isoformat())
        assert len(set(days)) == 365, zone


def test_the_29th_of_february_comes_in_leap_years() -> None:
    first = cron_after("0 12 29 2 *", ZoneInfo("UTC"), datetime(2026, 1, 1, tzinfo=UTC))
    assert first == datetime(2028, 2, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", NAMED)
def test_names_are_expressions(name: str) -> None:
    assert checked_cron(name) == name
    assert cron_after(name, BERLIN, datetime(2026, 1, 1, tzinfo=UTC)) is not None


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("@reboot", "five fields"),
        ("60 * * * *", "bad minute"),
        ("* 24 * * *", "bad hour"),
        ("* * 0 * *", "bad day-of-month"),
        ("* * * 13 *", "bad month"),
        ("* * * * 8", "bad day-of-week"),
        ("*/0 * * * *", "bad minute"),
        ("0 0 30 2 *", "bad day-of-month"),
    ],
)
def test_what_is_no_expression_is_told_why(expression: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        checked_cron(expression)


@pytest.mark.parametrize(
    "name", ["", "Europe", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "x" * 100, "a\0b"]
)
def test_what_is_no_time_zone_is_told(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        read_zone(name)


MINUTES = st.sampled_from(["*", "*/7", "0", "5", "30", "0,30", "20-40/5"])
HOURS = st.sampled_from(["*", "*/2", "1", "2", "3", "1-3", "1,2", "0-4/2"])
EXPRESSIONS = st.tuples(
    MINUTES, HOURS, st.sampled_from(["*", "1", "1-7", "L"]), st.just("*"), st.sampled_from(["*", "0"])
)
ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"])
YEAR = st.integers(0, 365 * 86400).map(lambda second: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second))
# Most moments that are looked at lie around the changes, where something could go wrong.
CHANGES = st.sampled_from([(3, 29, 1), (10, 25, 1), (3, 8, 7), (11, 1, 6)])
NEAR = st.tuples(CHANGES, st.integers(-4 * 3600, 4 * 3600)).map(
    lambda pair: datetime(2026, *pair[0], tzinfo=UTC) + timedelta(seconds=pair[1])
)


@given(EXPRESSIONS.map(" ".join), ZONES, YEAR | NEAR, st.timedeltas(timedelta(0), timedelta(hours=3)))
def test_it_goes_on_in_time_and_leaves_nothing_out(
    expression: str, name: str, moment: datetime, later: timedelta
) -> None:
    """Asked at any moment, it tells the first time after it: whoever asks, and however often."""
    zone = read_zone(name)
    first = cron_after(expression, zone, moment)
    assert first is not None
    assert first > moment
    assert first.microsecond == first.second == 0
    between = min(moment + later, first - timedelta(microseconds=1))
    assert cron_after(expression, zone, between) == first, "nothing is due before it"
    second = cron_after(expression, zone, first)
    assert second is None or second > first


@given(st.text(max_size=30) | st.lists(st.sampled_from("*/-,#L0123456789MONW "), max_size=20).map("".join))
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    try:
        checked_cron(text)
    except ValueError:
        return
    assert list(islice(filter(None, [cron_after(text, BERLIN, datetime(2026, 1, 1, tzinfo=UTC))]), 1))
