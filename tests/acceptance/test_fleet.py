"""What those who keep the sites do: restart every pool while work runs, drain a site and give it work again."""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text

from orchestrator.stack.wait import wait_until
from orchestrator.storage.database import make_engine
from tests.acceptance.whole_stack import Whole, given, make_files

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("whole")]

POOLS = ("london.worker", "london.discovery", "paris.worker", "paris.discovery")


def started(whole: Whole, records: Path, tasks: int, seconds: float) -> tuple[int, list[Path]]:
    """A job of so many chains, of which some tasks have ended."""
    files = make_files(whole.folder(), [f"{number:03d}.txt" for number in range(tasks)])
    workflow = whole.define(
        {"name": "sleep", "seconds": seconds},
        {"name": "example.record", "folder": str(records), "site": "paris"},
        batch_size=1,
    )
    job = whole.submit(workflow, files[0].parent)
    assert wait_until(lambda: whole.job(job)["tasks"]["Success"] >= 5, 30)
    return job, files


def test_restarting_every_pool_in_turn_costs_no_try(whole: Whole, tmp_path: Path) -> None:
    job, files = started(whole, tmp_path, 100, 0.2)
    for pool in POOLS:
        before = whole.pid(pool)
        assert before is not None
        os.kill(before, signal.SIGTERM)
        assert wait_until(lambda pool=pool, before=before: whole.pid(pool) not in {None, before}, 40), pool
    ended = whole.end(job, 120)
    assert (ended["state"], ended["paths"]["processed"]) == ("Success", len(files))
    assert given(tmp_path) == Counter(map(os.fsencode, files)), "each path once"
    engine = make_engine(whole.profile["database_url"], pool_size=1)
    with engine.begin() as tx:
        costs = tx.execute(text("select distinct tries, crashes from tasks where job_id = :job"), {"job": job}).all()
    engine.dispose()
    assert [tuple(row) for row in costs] == [(0, 0)]


def test_a_site_is_drained_and_given_work_again(whole: Whole, tmp_path: Path) -> None:
    job, files = started(whole, tmp_path, 60, 0.3)
    try:
        said = whole.cli("site", "drain", "london", "--reason", "a new kernel", "--wait", "--timeout", "60")
        assert said == "site london is drained; nothing is with it\n"
        assert whole.job(job)["state"] == "Started", "the job waits"
        causes = {cause["cause"] for cause in whole.http.get(f"/jobs/{job}/why").json()["items"]}
        assert "site_draining" in causes
        (shown,) = whole.cli_json("site", "show", "london")
        assert (shown["drained"], shown["with_site"], shown["health"]) == (True, 0, "warning")
        assert "drained" in whole.cli("sites")
    finally:
        (enabled,) = whole.cli_json("site", "enable", "london")
    assert (enabled["enabled"], enabled["draining"]) == (True, False)
    ended = whole.end(job, 60)
    assert (ended["state"], ended["paths"]["processed"]) == ("Success", len(files))


def test_a_drain_that_takes_too_long_says_so(whole: Whole, tmp_path: Path) -> None:
    files = make_files(whole.folder(), ["a.txt"])
    job = whole.submit(whole.define({"name": "example.wait", "folder": str(tmp_path)}), files[0].parent)
    assert wait_until(lambda: whole.job(job)["tasks"]["Started"] == 1, 30)
    try:
        said = whole.cli("site", "drain", "london", "--wait", "--timeout", "1", code=1)
        assert "site london is not drained: tasks and walks with it: 1" in said
    finally:
        (tmp_path / "go").touch()
        whole.cli("site", "enable", "london")
    assert whole.end(job)["state"] == "Success"
