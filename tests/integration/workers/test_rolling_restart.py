"""Real workers that are restarted one after the other while they work."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from orchestrator.services.drain import locked
from orchestrator.services.restart import ask
from orchestrator.stack.wait import wait_until
from orchestrator.storage.queries.sites import read_site
from tests.integration.workers.hub_at_work import HubAtWork
from tests.integration.workers.pool import Pool

pytestmark = pytest.mark.timeout(240)

PLUGIN = """
from workers import action

@action("new.{name}")
def new(ctx, paths):
    ctx.done(*paths)
"""


def test_new_code_is_taken_up_and_nothing_costs_a_try(
    running_hub: HubAtWork, start_pool: Callable[..., Pool], tmp_path: Path
) -> None:
    (tmp_path / "plugins").mkdir()
    extra = 'python_path = ["plugins"]'
    hub, pool = running_hub, start_pool(supervised=True, size=2, extra=extra, more="discovery = 1\n")
    assert wait_until(lambda: hub.hears(pool.site, 2), 60), pool.log_text()
    job = hub.submit(pool.site, 200)
    assert wait_until(lambda: hub.processed(job) > 5, 60), pool.log_text()
    before = psutil.Process(pool.process.pid).children()

    # As `pip install --target plugins` would: a package with an entry point.
    (tmp_path / "plugins" / "newly_installed.py").write_text(PLUGIN.replace("{name}", "thing"))
    about = tmp_path / "plugins" / "newly_installed-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: newly-installed\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[orchestrator.actions]\nnew = newly_installed\n")
    with hub.engine.begin() as tx:
        ask(tx, locked(tx, pool.site), "tester", None)

    def done() -> bool:
        with hub.engine.begin() as tx:
            restart = read_site(tx, pool.site).restart
        return restart is not None and restart.ended_at is not None

    assert wait_until(done, 90), pool.log_text()
    with hub.engine.begin() as tx:
        site = read_site(tx, pool.site)
    assert site.restart is not None
    assert (site.restart.problem, site.restart.done, site.restart.left) == (None, 2, 0)
    assert "new.thing" in [offer.action for offer in site.actions]
    assert not any(worker.is_running() for worker in before)
    assert wait_until(lambda: hub.succeeded(job), 90), pool.log_text()
    assert (hub.processed(job), hub.costs(job)) == (200, 0)
    assert "could not end in good order" not in pool.log_text()


WAITS = """
import os, time
from workers import action

@action("waits")
def waits(ctx, paths, *, file: str):
    while not os.path.exists(file):
        time.sleep(0.05)
    ctx.done(*paths)
"""


def test_who_runs_something_long_is_waited_for_and_is_not_asked_twice(
    running_hub: HubAtWork, start_pool: Callable[..., Pool], tmp_path: Path
) -> None:
    (tmp_path / "waits.py").write_text(WAITS)
    hub, pool = running_hub, start_pool(supervised=True, extra='actions = ["./waits.py"]', more="discovery = 1\n")
    assert wait_until(lambda: hub.hears(pool.site, 2), 60), pool.log_text()
    job = hub.submit(pool.site, 1, name="waits", file=str(tmp_path / "over"))
    assert wait_until(lambda: hub.state(job) == "Started", 60), pool.log_text()
    (worker,) = (one for one in psutil.Process(pool.process.pid).children() if one.cmdline()[-1] == "worker")
    with hub.engine.begin() as tx:
        ask(tx, locked(tx, pool.site), "tester", None)
    heard: set[object] = set()

    def has_looked_again() -> bool:
        query = "select draining, last_heard from nodes where site = :site and function = 'worker'"
        node = hub.one(query, site=pool.site)
        heard.update([node.last_heard] if node.draining else [])
        return len(heard) > 3

    assert wait_until(has_looked_again, 90), pool.log_text()
    assert worker.is_running()
    assert hub.state(job) == "Started"
    (tmp_path / "over").touch()
    assert wait_until(lambda: not worker.is_running(), 60), pool.log_text()
    assert wait_until(lambda: hub.succeeded(job), 30)
    assert hub.costs(job) == 0
    assert pool.log_text().count("asked to restart") == 2, "once each pool"
