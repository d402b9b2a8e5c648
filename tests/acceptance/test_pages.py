"""What the pages show to be typed is typed, in order, and does what they say; tests/not_run.py says what is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import taken_for_granted
from tests.acceptance.follow import follow, missing
from tests.acceptance.whole_stack import Whole
from tests.not_run import ELSEWHERE, NEVER, PAGES
from tests.pages import pages, steps

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("whole")]

TO_DO = {
    page: left
    for page, text in pages()
    if page not in PAGES
    and (left := [one for one in steps(page, text) if one.command not in ELSEWHERE and one.command not in NEVER])
}
FIRST = [one for one in TO_DO["docs/api.md"] if one.text.startswith(("export", "alias"))]
"""What every page goes by that asks the API: where it is, and how it is asked."""


@pytest.fixture
def cleared(whole: Whole) -> Iterator[Whole]:
    """The stack; what a page leaves that would keep other tests from going on is taken away."""
    yield whole
    for hold in whole.items("/holds"):
        whole.http.request("DELETE", f"/holds/{hold['id']}", json={"reason": "read"}).raise_for_status()
    for path in ("/schedules", "/webhooks"):
        for one in whole.items(path):
            whole.http.delete(f"{path}/{one['id']}").raise_for_status()
    for part in ({}, {"queue": "bulk", "function": "custom"}):
        whole.http.post("/sites/london/enable", json=part).raise_for_status()
    ended = {"action": "cancel", "force": True, "filter": {"state": ["Pending", "Started", "Pausing", "Paused"]}}
    whole.http.post("/jobs/bulk", json=ended).raise_for_status()


@pytest.mark.parametrize("page", TO_DO)
def test_what_is_shown_is_done(page: str, cleared: Whole) -> None:
    name = Path(page).stem.lower().replace("-", "_")
    folder = cleared.folder(name)
    taken = getattr(taken_for_granted, name, None)
    stand_ins = taken_for_granted.everywhere(cleared) | (taken(cleared, folder) if taken else {})
    done = TO_DO[page] if page == FIRST[0].page else [*FIRST, *TO_DO[page]]
    said = follow(done, stand_ins, folder, {"ORCHESTRATOR_HOME": str(cleared.home)})
    for step, answer in zip(done, said, strict=True):
        lines = missing(step, answer, stand_ins)
        assert not lines, f"{step}\nshows {lines}\nwas answered\n{answer}"
