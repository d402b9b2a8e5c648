"""Whose turn it is when a site's workers are restarted one after the other."""

import pytest

from orchestrator.domain.rolling import BACK_WITHIN_S, MOST_TOLD, Next, Worker, turn

OLD_A, OLD_B = Worker("a", "a1", before=True, live=True), Worker("b", "b1", before=True, live=True)
BUSY_A = Worker("a", "a1", before=True, live=True, running=1)
NEW_A = Worker("a", "a2", before=False, live=True)


def gone(worker: Worker, seconds: float) -> Worker:
    return Worker(worker.node, worker.boot, worker.before, live=False, gone_s=seconds)


@pytest.mark.parametrize(
    ("workers", "asked", "what"),
    [
        ([], None, Next.DONE),
        ([OLD_B, OLD_A], None, OLD_A),
        ([OLD_A, OLD_B], ("a", "a1"), OLD_A),  # it still runs something: said again
        ([OLD_A, OLD_B], ("b", "b1"), OLD_B),
        ([BUSY_A, OLD_B], None, OLD_B),  # least to finish first
        ([BUSY_A, OLD_B], ("a", "a1"), BUSY_A),
        ([gone(OLD_A, 5), OLD_B], ("a", "a1"), Next.WAIT),
        ([NEW_A, OLD_B], ("a", "a1"), OLD_B),
        ([NEW_A], ("a", "a1"), Next.DONE),
        ([gone(OLD_A, BACK_WITHIN_S + 1), OLD_B], ("a", "a1"), Next.LOST),
        ([gone(OLD_A, 5), OLD_B], None, OLD_B),  # one that was not there before is not waited for
        ([gone(NEW_A, 5), gone(OLD_B, 999)], None, Next.DONE),
        ([OLD_B], ("a", "a1"), OLD_B),  # its row has been pruned
    ],
)
def test_whose_turn_it_is(workers: list[Worker], asked: tuple[str, str] | None, what: Worker | Next) -> None:
    assert turn(workers, asked) == what


def test_one_that_does_nothing_about_it_is_not_asked_for_ever() -> None:
    asked = ("a", "a1")
    assert turn([OLD_A, OLD_B], asked, MOST_TOLD - 1) == OLD_A
    assert turn([OLD_A, OLD_B], asked, MOST_TOLD) is Next.UNHEEDED
    ending = Worker("a", "a1", before=True, live=True, ending=True, running=1)
    assert turn([ending, OLD_B], asked, 100 * MOST_TOLD) == ending, "however long that takes"
