from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.shares import Shares, weight


def turns(shares: Shares, weights: dict[int, float], n: int, seconds: float = 0.5) -> list[int]:
    """Who is given something, turn by turn."""
    given: list[int] = []
    for _ in range(n):
        job = shares.next(weights)
        shares.give(job, seconds, weights[job])
        given.append(job)
    return given


def test_jobs_of_one_weight_take_turns() -> None:
    assert turns(Shares(), {1: 1.0, 2: 1.0, 3: 1.0}, 9) == [1, 2, 3] * 3


@given(st.dictionaries(st.integers(1, 100), st.integers(0, 9), min_size=1, max_size=8))
def test_shares_are_as_the_weights_say(priorities: dict[int, int]) -> None:
    weights = {job: weight(priority) for job, priority in priorities.items()}
    count, whole = Counter(turns(Shares(), weights, 400)), sum(weights.values())
    for job, own in weights.items():
        assert count[job] == pytest.approx(400 * own / whole, abs=len(weights) + 1)


def test_what_takes_longer_comes_less_often() -> None:
    shares, given = Shares(), Counter[int]()
    for _ in range(110):
        job = shares.next([1, 2])
        shares.give(job, 1.0 if job == 1 else 0.1, 1.0)
        given[job] += 1
    assert given[2] == pytest.approx(10 * given[1], rel=0.1)


def test_who_comes_later_is_next_and_has_no_claim_to_what_was_before() -> None:
    shares = Shares()
    turns(shares, {1: 1.0}, 1000)
    assert turns(shares, {1: 1.0, 2: 1.0}, 6) in ([2, 1] * 3, [2, 2, 1, 2, 1, 2])


def test_who_was_away_does_not_catch_up() -> None:
    shares = Shares()
    turns(shares, {1: 1.0, 2: 1.0}, 10)
    turns(shares, {1: 1.0}, 1000)
    assert Counter(turns(shares, {1: 1.0, 2: 1.0}, 20))[2] <= 11


def test_who_has_nothing_waiting_is_forgotten_but_not_what_it_was_given() -> None:
    shares = Shares()
    shares.give(1, 100.0, 1.0)
    shares.keep([2])
    assert turns(shares, {1: 1.0, 2: 1.0}, 3) == [2, 2, 2], "a job can not begin anew by pausing for a moment"
    shares.give(2, 1000.0, 1.0)
    turns(shares, {3: 1.0}, 3000)
    shares.keep([3])
    assert shares.order([1, 2, 3])[:2] == [1, 2]
