"""How much may fail before a person should look."""

import pytest

from orchestrator.domain.tolerance import Breaker, Tolerance


@pytest.mark.parametrize(
    ("tolerance", "failed", "found", "all_found", "beyond"),
    [
        (Tolerance(failed_count=3), 3, 10, True, False),
        (Tolerance(failed_count=3), 4, 10, False, True),
        (Tolerance(failed_count=0), 1, 1, False, True),
        (Tolerance(failed_percent=5), 5, 100, True, False),
        (Tolerance(failed_percent=5), 6, 100, True, True),
        (Tolerance(failed_percent=5), 900, 999, False, False),
        (Tolerance(failed_percent=5), 51, 1000, False, True),
        (Tolerance(failed_percent=0), 0, 0, True, False),
        (Tolerance(failed_percent=0), 1, 10, True, True),
        (Tolerance(failed_percent=50, failed_count=1), 2, 100, True, True),
        (Tolerance(), 100, 100, True, False),
    ],
)
def test_beyond_tolerance(tolerance: Tolerance, failed: int, found: int, all_found: bool, beyond: bool) -> None:
    reason = tolerance.beyond(failed, found, all_found=all_found)
    assert (reason is not None) == beyond
    assert reason is None or f"{failed:,}" in reason


def test_a_breaker_trips_as_soon_as_it_is_certain() -> None:
    breaker = Breaker(failed_percent=50, window=100)
    assert not breaker.trips(50)
    assert breaker.trips(51)
