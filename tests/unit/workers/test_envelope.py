"""What gets to Celery is what the hub could have sent."""

import json

import pytest

from tests.malformed import malformed, message
from workers.envelope import fault

LET_THROUGH = {"no such task"}
"""Well-formed: it is answered where the actions are known."""


def test_what_the_hub_sends_is_let_through() -> None:
    assert fault(message("london.default.worker")) is None
    assert fault(message("london.default.worker") | {"of a later version": 1}) is None


@pytest.mark.parametrize("name", [name for name in malformed("q") if name != "not JSON"])
def test_what_it_never_sends_is_not(name: str) -> None:
    wrong = fault(json.loads(malformed("q")[name]))
    assert (wrong is None) == (name in LET_THROUGH)


def test_no_depth_is_too_deep() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert fault(message("q") | {"headers": deep}) is not None
    assert fault(message("q") | {"more": deep}) is None
    while deep:
        deep = deep.pop()  # type: ignore[assignment]
