import os
import signal
import time
from collections.abc import Callable

from orchestrator.contracts.parcel import Parcel, TaskOrder
from orchestrator.contracts.report import Died, Ended, Returned, Started, TaskError
from tests.unit.workers.kept import Kept
from workers.aftermath import Verdict, aftermath, ended_how
from workers.page import PLACES, Doing, Entry, Noted, Page, Work

ID = "0b4ba3b1-6f0c-4c9e-9d63-2a9b7a0d3c11"
CLAIMING, CLAIMED, RUNNING, SAID = Doing.CLAIMING, Doing.CLAIMED, Doing.RUNNING, Doing.SAID


def parcel(*tasks: tuple[int, int], id: str = "p", job: int = 1, epoch: int = 1) -> Parcel:
    orders = [TaskOrder(task, attempt, b"") for task, attempt in tasks]
    return Parcel(id, "london", "default", "worker", "noop", job, 0, {}, orders, 0.0, epoch=epoch)


def in_a_child(page: Page, work: Callable[[], None]) -> None:
    """Do something in a child, which is then killed."""
    child = os.fork()
    if not child:
        work()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def doing(page: Page) -> dict[int, Doing]:
    return {entry.task: entry.doing for entry in page.entries()}


def test_the_parent_reads_what_a_child_was_at() -> None:
    page = Page()
    assert page.entries() == []
    assert page.running is None

    def work() -> None:
        reporter = Noted(page, Kept())
        page.claiming(parcel((1, 1), (2, 2), (4, 9), id=ID, job=7, epoch=3), 1.5)
        page.claimed(won=True)
        for item in (Started(1, 1, 0.0), Ended(1, 1, 0.0), Started(2, 2, 0.0)):
            reporter.send(item)

    before = time.monotonic()
    in_a_child(page, work)
    assert doing(page) == {1: SAID, 2: RUNNING, 4: CLAIMED}
    running = page.running
    assert running is not None
    assert running[:3] == (2, 2, RUNNING)
    assert before <= running.begun <= time.monotonic()
    assert page.work._replace(place=0) == Work(ID, 7, 3, 1.5, 0)


def test_before_the_answer_to_a_claim_nothing_is_known() -> None:
    page = Page()
    in_a_child(page, lambda: page.claiming(parcel((1, 1)), 0.0))
    assert doing(page) == {1: CLAIMING}


def test_what_the_hub_has_heard_is_forgotten_and_only_then() -> None:
    page, kept = Page(), Kept()
    reporter = Noted(page, kept)
    page.claiming(parcel((1, 1), (2, 1)), 0.0)
    page.claimed(won=True)
    reporter.send(Started(1, 1, 0.0))
    page.heard(kept.items)
    assert doing(page) == {1: RUNNING, 2: CLAIMED}
    reporter.send(Ended(1, 1, 0.0))
    assert page.running is None
    # The same once more, which is not won, hides nothing of the first.
    page.claiming(parcel((1, 1), (3, 1)), 0.0)
    assert doing(page) == {1: SAID, 2: CLAIMED, 3: CLAIMING}
    page.claimed(won=False)
    assert doing(page) == {1: SAID, 2: CLAIMED}
    reporter.send(Returned(2, 1))
    page.heard(kept.items)
    assert page.entries() == []


def test_what_is_handed_back_meanwhile_leaves_what_runs() -> None:
    page = Page()
    page.claiming(parcel((1, 1), (2, 1)), 0.0)
    page.claimed(won=True)
    page.saying(Started(1, 1, 0.0))
    page.saying(Returned(2, 1))
    assert page.running is not None
    assert doing(page) == {1: RUNNING, 2: SAID}


def test_a_full_page_takes_no_more_and_is_free_again() -> None:
    page = Page()
    for _ in range(3):
        many = [(task, 1) for task in range(PLACES + 10)]
        page.claiming(parcel(*many), 0.0)
        page.claimed(won=True)
        assert len(page.entries()) == PLACES
        page.saying(Started(PLACES + 5, 1, 0.0))
        assert page.running is None
        page.heard([Ended(task, 1, 0.0) for task, _ in many])
        assert page.entries() == []


def test_what_ran_has_died_and_the_rest_is_handed_back() -> None:
    entries = [Entry(1, 1, SAID, 5.0), Entry(2, 4, RUNNING, 6.0), Entry(3, 1, CLAIMED, 0.0), Entry(4, 1, CLAIMING, 0.0)]
    assert aftermath(entries, None, "why") == [Returned(1, 1, "why"), Died(2, 4, "why"), Returned(3, 1, "why")]


def test_what_kills_its_process_just_after_its_end_is_not_run_for_ever() -> None:
    entries = [Entry(1, 1, SAID, 5.0), Entry(2, 1, SAID, 6.0), Entry(3, 1, CLAIMED, 0.0)]
    assert [type(item) for item in aftermath(entries, None, "why")] == [Returned, Died, Returned]


def test_nobody_died_of_what_had_not_begun() -> None:
    entries = [Entry(1, 1, CLAIMED, 0.0), Entry(2, 1, SAID, 0.0)]
    assert [type(item) for item in aftermath(entries, None, "why")] == [Returned, Returned]
    assert aftermath([], None, "why") == []


def test_a_verdict_holds_for_its_task_only() -> None:
    error = TaskError("TimeoutError", "too long")
    entries = [Entry(1, 1, RUNNING, 5.0), Entry(2, 1, CLAIMED, 0.0)]
    assert aftermath(entries, Verdict(1, 1, "too long", error), "why") == [
        Died(1, 1, "too long", error),
        Returned(2, 1, "why"),
    ]
    assert aftermath(entries, Verdict(1, 1, "no end"), "why")[0] == Died(1, 1, "no end")
    # It was meant for a task that ended in the last moment: the next one has done nothing wrong.
    assert [type(item) for item in aftermath(entries, Verdict(9, 1, "too long", error), "why")] == [Returned] * 2


def test_how_a_process_ended() -> None:
    assert ended_how(0) == "its process ended with exit code 0"
    assert ended_how(-11) == "its process was killed by SIGSEGV"
    assert ended_how(-62) == "its process was killed by signal 62"
