from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.pace import ALONE_S, MOST, PARCEL_S, Pace


def fitting(pace: Pace, paths: int = 1) -> int:
    """How many tasks of so many paths travel together."""
    n = 1
    while pace.fits(n + 1, (n + 1) * paths):
        n += 1
    return n


def test_it_begins_alone_and_grows_while_all_goes_well() -> None:
    pace = Pace()
    sizes = [fitting(pace)]
    for _ in range(6):
        pace.learn(10, 0.001, 0.0005)
        sizes.append(fitting(pace))
    assert sizes == [1, 4, 16, 64, 256, 256, 256]


def test_it_is_about_half_a_second_of_work() -> None:
    pace = Pace()
    for _ in range(6):
        pace.learn(100, 2.0, 0.3)
    assert fitting(pace) == PARCEL_S / 0.02
    assert fitting(pace, paths=5) == PARCEL_S / 0.1
    assert fitting(pace, paths=1000) == 1, "what takes longer travels alone, and does travel"


def test_a_slow_task_and_what_comes_after_it_travel_alone_at_once() -> None:
    pace = Pace()
    for _ in range(6):
        pace.learn(1000, 0.1, 0.001)
    assert fitting(pace) == MOST
    # Among many, one that took long.
    pace.learn(1000, ALONE_S + 0.2, ALONE_S + 0.1)
    assert fitting(pace) == 1
    assert pace.seconds(1) < pace.may_take(1) == ALONE_S + 0.1
    sizes: list[int] = []
    for _ in range(20):
        pace.learn(1000, 0.1, 0.001)
        sizes.append(fitting(pace))
    assert sizes[0] == 4
    assert sizes == sorted(sizes)
    assert sizes[-1] == MOST


def test_slower_counts_at_once_and_faster_by_and_by() -> None:
    pace = Pace(tasks=MOST)
    pace.learn(1, 0.01, 0.01)
    pace.learn(1, 0.1, 0.1)
    assert pace.path_s == 0.1
    pace.learn(1, 0.01, 0.01)
    assert pace.path_s is not None
    assert 0.01 < pace.path_s < 0.1


def test_what_is_not_known_is_thought_to_take_a_parcel() -> None:
    assert Pace().seconds(7) == PARCEL_S


@given(st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 100), st.floats(0, 100))), st.integers(1, 2000))
def test_never_more_than_may_be_nor_than_half_a_second(taken: list[tuple[int, float, float]], paths: int) -> None:
    pace = Pace(most=50)
    for paths_then, seconds, longest in taken:
        pace.learn(paths_then, seconds, longest)
    n = fitting(pace, paths)
    assert 1 <= n <= 50
    assert n == 1 or pace.seconds(n * paths) <= PARCEL_S
