"""Times, as the API takes them: one spelling everywhere, and what is none says what and where."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine

from orchestrator.api.app import make_app
from orchestrator.contracts.change import JobChange
from orchestrator.contracts.faults import read_as
from orchestrator.contracts.moment import EXAMPLE
from orchestrator.errors import Invalid


def dates(part: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Every time that a schema asks for."""
    if isinstance(part, dict):
        if part.get("format") == "date-time":
            yield place, part
        for name, inner in part.items():
            yield from dates(inner, f"{place}.{name}")
    elif isinstance(part, list):
        for inner in part:
            yield from dates(inner, place)


def test_whatever_is_asked_for_a_time_takes_the_same():
    document = make_app(create_engine("postgresql+psycopg://"), secret=b"", redis_url=None).openapi()
    asked = [
        one
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for part in (operation.get("parameters", []), operation.get("requestBody", {}))
        for one in dates(part, f"{method} {path}")
    ]
    assert len(asked) > 15
    assert not [place for place, schema in asked if schema.get("examples") != [EXAMPLE]]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("2030-01-31T22:00:00", "has no time zone"),
        ("2030-01-31", "has no time zone"),
        ("tomorrow", "has to be a time such as"),
        ("", "has to be a time such as"),
        (1_900_000_000, "has to be a time such as"),
        ("1900000000", "has to be a time such as"),
        (1e300, "has to be a time such as"),
        (True, "has to be a time such as"),
        ([], "has to be a time such as"),
        ("2030-02-30T00:00:00Z", "has to be a time such as"),
        ("9999-12-31T23:59:59-10:00", "in no year"),
        ("0001-01-01T00:00:00+10:00", "in no year"),
    ],
)
def test_what_is_no_time_is_told_with_its_place(said: object, reason: str):
    with pytest.raises(Invalid) as wrong:
        read_as(JobChange, {"due_at": said}, "no")
    [fault] = wrong.value.faults
    assert fault.place == "$.due_at"
    assert reason in fault.reason


def test_it_is_told_in_utc():
    asked = read_as(JobChange, {"due_at": "2030-01-31T22:00:00+02:00"}, "no")
    assert asked.due_at is not None
    assert asked.due_at.isoformat() == "2030-01-31T20:00:00+00:00"
