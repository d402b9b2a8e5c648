"""What tasks say of themselves: kept, shown while it matters, and only of a site's own tasks."""

from typing import Any

import msgspec

from orchestrator.contracts import names
from orchestrator.contracts.report import Ended, LogLine, Reports, Started, TaskProgress
from orchestrator.contracts.views import Level
from orchestrator.storage.queries.logs import list_log, of_job, of_task
from orchestrator.storage.queries.snapshot import snapshot
from orchestrator.storage.queries.tasks import list_tasks, read_task
from tests.integration.hub.conftest import Site, World


def begun(world: World) -> tuple[int, int]:
    """A job with one task that runs at london: their numbers."""
    world.define([{"name": "noop"}, {"name": "noop", "site": "paris"}])
    job = world.submit()
    world.turn(2)
    walk = world.london.walk()
    assert world.london.claim(walk)
    world.london.batch(walk, 0)
    world.london.batch(walk, 1, [b"/data/a", b"/data/b"], closed=True)
    world.turn(2)
    parcel = world.london.parcel()
    world.london.start(parcel)
    world.turn(2)
    return job, parcel.tasks[0].task


def tell(site: Site, *log: LogLine, progress: tuple[TaskProgress, ...] = (), items: Any = ()) -> None:
    site._send(
        names.reports_stream(site.name),
        Reports(site.name, f"{site.name}.worker@host", list(items), log=list(log), progress=list(progress)),
    )


def lines(world: World, which: Any, **asked: Any) -> list[tuple[str, str]]:
    with snapshot(world.engine) as tx:
        return [(line.level.value, line.message) for line in list_log(tx, which, 100, **asked).items]


def test_lines_are_kept_in_order_with_the_report_that_they_came_with(world: World) -> None:
    job, task = begun(world)
    tell(world.london, LogLine(task, 1, 1e9, 20, "one", b"/data/a"), LogLine(task, 1, 1e9, 40, "two\0", None, "lib"))
    world.turn()
    end = Ended(task, 1, 0.1, processed=2)
    tell(world.london, LogLine(task, 1, float("inf"), 25, "three"), items=[end])
    world.turn(2)
    assert lines(world, of_task(task)) == [
        ("info", "one"),
        ("error", "two\N{REPLACEMENT CHARACTER}"),
        ("info", "three"),
    ]
    assert lines(world, of_job(job)) == lines(world, of_task(task))
    assert lines(world, of_task(task), level=Level.WARNING) == [("error", "two\N{REPLACEMENT CHARACTER}")]
    with snapshot(world.engine) as tx:
        first, second, third = list_log(tx, of_task(task), 10).items
        assert (first.path, first.attempt, first.step, first.at.year) == ("/data/a", 1, 0, 2001)
        assert (second.logger, second.path) == ("lib", None)
        assert list_log(tx, of_task(task), 10, after=second.id).items == [third]
        page = list_log(tx, of_task(task), 2)
        assert page.items == [first, second]
        assert list_log(tx, of_task(task), 2, page.next_cursor).items == [third]
        assert read_task(tx, task).state == "Success"


def test_of_another_sites_task_or_none_nothing_is_kept(world: World) -> None:
    _, task = begun(world)
    tell(world.paris, LogLine(task, 1, 1e9, 20, "forged"), progress=(TaskProgress(task, 1, 0.9, "forged"),))
    tell(world.london, LogLine(task, 7, 1e9, 20, "of an attempt that never was"), LogLine(64 * 99999, 1, 1e9, 20, "no"))
    world.turn(2)
    assert lines(world, of_task(task)) == []
    with snapshot(world.engine) as tx:
        assert read_task(tx, task).progress is None


def test_how_far_a_task_is_is_shown_while_that_attempt_runs(world: World) -> None:
    job, task = begun(world)
    tell(world.london, progress=(TaskProgress(task, 1, 0.2, "a"), TaskProgress(task, 1, 0.5, "tiles", b"/data/\xff")))
    world.turn()
    with snapshot(world.engine) as tx:
        shown = read_task(tx, task).progress
        assert shown is not None
        assert (shown.share, shown.note) == (0.5, "tiles")
        assert getattr(shown.path, "path_b64", None) == "L2RhdGEv/w=="
        assert list_tasks(tx, job, 10).items[0].progress == shown
    tell(world.london, items=[Ended(task, 1, 0.1, processed=2)])
    world.turn(2)
    with snapshot(world.engine) as tx:
        assert read_task(tx, task).progress is None


def test_a_hub_that_does_not_know_of_logs_takes_the_rest(world: World) -> None:
    """As an old hub would: what it has no field for is not read."""

    class Old(msgspec.Struct, omit_defaults=True):
        site: str
        node: str
        items: list[Started | Ended] = []

    said = Reports("london", "n", [Started(64, 1, 1.0)], log=[LogLine(64, 1, 1.0, 20, "x")])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(said), type=Old).items == said.items
