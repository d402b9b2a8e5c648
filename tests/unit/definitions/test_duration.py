import math
from typing import Any

import pytest

from orchestrator.domain.duration import seconds


@pytest.mark.parametrize(
    ("written", "length"),
    [
        (0, 0),
        (90, 90),
        (1.5, 1.5),
        ("500ms", 0.5),
        ("30s", 30),
        ("10m", 600),
        ("1h30m", 5400),
        ("1.5h", 5400),
    ],
)
def test_a_duration_in_seconds(written: Any, length: float) -> None:
    assert seconds(written) == length


@pytest.mark.parametrize(
    "written",
    [
        "",
        "10",
        "m",
        "10 m",
        "-1s",
        "1y",
        "1h ",
        "1e3s",
        -1,
        True,
        None,
        [],
        math.nan,
        math.inf,
        10**400,
        "9" * 60 + "s",
    ],
)
def test_what_is_no_duration(written: Any) -> None:
    with pytest.raises(ValueError, match="has to be a number of seconds"):
        seconds(written)
