"""Whatever the poison: it ends alone, everything else is done, and the number of deaths is bounded."""

import math

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.halving import MOST_CRASHES, Hunt, culprit


@st.composite
def batches(draw: st.DrawFn) -> tuple[int, set[int]]:
    n = draw(st.integers(1, 200))
    return n, draw(st.sets(st.integers(0, n - 1), max_size=6))


@given(batches())
def test_poison_ends_alone_and_the_rest_is_done(batch: tuple[int, set[int]]) -> None:
    n, poison = batch
    hunt, crashes, blamed, done, attempts = Hunt((1 << n) - 1), 0, set[int](), 0, 0
    while hunt.remaining:
        attempts += 1
        tried = hunt.next_try()
        assert tried
        assert tried & ~hunt.remaining == 0
        if any(tried >> path & 1 for path in poison):
            crashes += 1
            hunt = hunt.died(tried)
            if culprit(tried, crashes):
                blamed.add(tried.bit_length() - 1)
                hunt = hunt.settled(tried)
        else:
            done |= tried
            hunt = hunt.settled(tried)
    assert blamed == poison
    assert done.bit_count() == n - len(poison)
    deaths = len(poison) * (math.ceil(math.log2(n)) + 1) + MOST_CRASHES
    assert crashes <= deaths
    assert attempts <= 2 * deaths + 1
