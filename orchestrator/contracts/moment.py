"""A moment as the API takes it: RFC 3339 with a time zone, and no number of seconds. It is told in UTC."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

EXAMPLE = "2030-01-31T22:00:00Z"


def _no_number(value: Any) -> Any:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return value
    raise ValueError(f"has to be a time such as {EXAMPLE}")


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is, in UTC, in no year from 1 to 9999") from None


Moment = Annotated[
    AwareDatetime, Field(strict=False, examples=[EXAMPLE]), BeforeValidator(_no_number), AfterValidator(_in_utc)
]
