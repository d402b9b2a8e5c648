"""How long work will take, from what its actions have been taking."""

import pytest

from orchestrator.domain.forecast import Lane, Load, expected_s

LONDON, PARIS = ("london", "default", "worker"), ("paris", "default", "worker")


@pytest.mark.parametrize(
    ("loads", "processes", "expected"),
    [
        ([], {}, 0.0),
        ([Load(0, LONDON, 10, 100.0)], {LONDON: 4}, 25.0),
        ([Load(0, LONDON, 10, 100.0), Load(1, LONDON, 10, 20.0)], {LONDON: 4}, 30.0),  # share a lane
        ([Load(0, LONDON, 10, 100.0), Load(0, PARIS, 10, 60.0)], {LONDON: 4, PARIS: 1}, 60.0),  # go on side by side
        ([Load(0, LONDON, 1, 100.0)], {LONDON: 4}, 100.0),  # one batch is on one process
        ([Load(0, LONDON, 1, 10.0), Load(0, PARIS, 1, 20.0)], {LONDON: 4, PARIS: 4}, 30.0),  # step by step
        ([Load(0, LONDON, 10, None)], {LONDON: 4}, None),
        ([Load(0, LONDON, 10, 1.0)], {}, None),
        ([Load(0, LONDON, 10, 1.0)], {LONDON: 0}, None),
        ([Load(0, LONDON, 0, None)], {}, 0.0),  # nothing took the rule
    ],
)
def test_the_longest_of_what_goes_on_side_by_side(
    loads: list[Load], processes: dict[Lane, int], expected: float | None
) -> None:
    assert expected_s(loads, processes) == expected
