"""A moment as the API takes it: RFC 3339 with a time zone, and no number of seconds since some day."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator


def _no_number(value: Any) -> Any:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return value
    raise ValueError("has to be a time such as 2030-01-31T22:00:00Z")


Moment = Annotated[AwareDatetime, BeforeValidator(_no_number)]
