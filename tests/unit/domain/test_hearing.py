"""Who is deaf, and whose starts come to nothing."""

import pytest

from orchestrator.domain.hearing import DEAF_AFTER_S, EARLY_S, Listener, Start, early_ends, is_deaf

LONG = DEAF_AFTER_S + 1


@pytest.mark.parametrize(
    ("listener", "deaf"),
    [
        (Listener(0, 2, LONG, LONG), True),
        (Listener(1, 2, LONG, LONG), True),
        (Listener(2, 2, LONG, LONG), False),  # busy
        (Listener(0, 2, LONG, None), False),  # heard
        (Listener(0, 2, LONG, DEAF_AFTER_S), False),  # not yet
        (Listener(0, 2, 5, LONG), False),  # has just begun: the canary is the last start's
    ],
)
def test_who_is_deaf(listener: Listener, deaf: bool) -> None:
    assert is_deaf(listener) is deaf


@pytest.mark.parametrize(
    ("before", "ends"),
    [
        (None, 0),
        (Start("", 1), 0),  # an old worker, who does not say which start it is
        (Start("b", 1, early_ends=2), 2),  # the same
        (Start("a", 1, early_ends=2), 3),
        (Start("a", 1, left=True, early_ends=2), 0),
        (Start("a", 1, left=True, deaf=True, early_ends=2), 3),  # it left since it was asked to
        (Start("a", EARLY_S, early_ends=2), 0),
    ],
)
def test_starts_that_come_to_nothing(before: Start | None, ends: int) -> None:
    assert early_ends(before, "b") == ends
