"""Times by the calendar: cron expressions, in a time zone.

As Debian's cron has it where clocks change. A time at fixed minutes of fixed hours comes once a day: in spring, when it
is left out, at the moment at which the clocks have jumped; in autumn, when it is there twice, the first time. Where the
minute or the hour begins with ``*`` it is an interval, and goes on through the change as time does.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIELDS = "minute hour day-of-month month day-of-week"
NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def read_zone(name: str) -> ZoneInfo:
    """The time zone of this name in the IANA's database; ValueError when there is none."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a folder of zones, what can not be a name, no such name
        raise ValueError(f"there is no time zone {name!r}: it takes an IANA name such as Europe/Berlin") from None


def checked_cron(expression: str) -> str:
    """The expression, when it is one and comes due at all; else ValueError."""
    named = NAMED.get(expression, expression)
    if len(named.split()) != 5:
        raise ValueError(f"has to be five fields ({FIELDS}) or one of {', '.join(NAMED)}")
    try:
        never = next(CronSim(named, datetime(2000, 1, 1, tzinfo=UTC)), None) is None
    except CronSimError as error:
        raise ValueError(f"is no cron expression: {str(error).lower()}; it has to be {FIELDS}") from None
    if never:
        raise ValueError("never comes due")
    return expression


def cron_after(expression: str, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """The first time after the moment, in UTC; None when there is none in 50 years."""
    # In the hour that is there twice it looks from the first on, and finds what is past already.
    return next((due for due in _times(expression, zone, moment) if due > moment), None)


def _times(expression: str, zone: ZoneInfo, moment: datetime) -> Iterator[datetime]:
    # Compared in UTC: to Python, two times of one zone are as far apart as their clocks show.
    return (due.astimezone(UTC) for due in CronSim(NAMED.get(expression, expression), moment.astimezone(zone)))
