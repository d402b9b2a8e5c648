"""Each path is counted once: where it stops, or not yet, since it goes on."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.cascade import Tally, ends
from orchestrator.domain.task import TaskState

COUNT = st.integers(0, 50)


@given(st.sampled_from(sorted(TaskState)), COUNT, COUNT, COUNT, COUNT, COUNT, st.booleans(), st.booleans(), st.data())
def test_what_ends_and_what_goes_on_is_what_was_given(
    state: TaskState,
    processed: int,
    skipped: int,
    failed: int,
    aborted: int,
    untold: int,
    last: bool,
    called_off: bool,
    data: st.DataObject,
) -> None:
    if state is not TaskState.CANCELLED:
        untold = 0
    tally = Tally(processed, skipped, failed, aborted)
    passed = data.draw(st.integers(processed, processed + skipped))
    some = ends(state, tally, tally.given + untold, passed, last=last, called_off=called_off)
    goes_on = passed if not last and not called_off else 0
    assert sum(some) + goes_on == tally.given + untold
    assert min(some) >= 0
    assert (some.failed, some.aborted) == (failed, aborted)
    if last:
        assert (some.processed, some.skipped) == (processed, skipped)
