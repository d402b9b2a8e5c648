"""The hub's rhythm: at once when idle, gathering when it is always busy with little."""

from orchestrator.domain.rhythm import GATHER_S, MUCH, Rhythm


def after(turns: int, *, waited_s: float, worked_s: float, applied: int) -> Rhythm:
    rhythm = Rhythm()
    for _ in range(turns):
        rhythm.turned(waited_s, worked_s, applied)
    return rhythm


def test_who_has_time_does_not_wait() -> None:
    assert after(100, waited_s=0.03, worked_s=0.01, applied=1).pause_s == 0
    assert after(1, waited_s=0.0, worked_s=0.01, applied=1).pause_s == 0, "one turn is not always"


def test_who_is_always_busy_with_little_lets_more_come() -> None:
    assert after(100, waited_s=0.0, worked_s=0.01, applied=4).pause_s == GATHER_S


def test_who_is_busy_with_much_goes_on_and_so_does_who_found_nothing() -> None:
    assert after(100, waited_s=0.0, worked_s=0.05, applied=MUCH).pause_s == 0
    assert after(100, waited_s=0.0, worked_s=0.01, applied=0).pause_s == 0


def test_it_is_forgotten_once_there_is_time() -> None:
    rhythm = after(100, waited_s=0.0, worked_s=0.01, applied=4)
    rhythm.turned(0.5, 0.01, 1)
    assert rhythm.pause_s == 0
