"""Schedules that come due at a hub: each due time once, what overlaps, what is made up, what can not be submitted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError

from orchestrator.errors import Conflict, Invalid
from orchestrator.hub import Hub
from orchestrator.services import schedules
from orchestrator.services.come_due import run_now
from orchestrator.services.keys import ensure_admin_key
from orchestrator.stack.wait import wait_until
from orchestrator.storage.queries.schedules import read_schedule
from orchestrator.storage.queries.why import why_job
from tests.integration.hub.conftest import World

OWNER = "admin"


def schedule(world: World, **said: Any) -> int:
    """A schedule that is due every hour, unless something else is said."""
    ensure_admin_key(world.engine)
    world.define([{"name": "noop"}], discovery=None)
    body = {"name": "often", "workflow": "work", "site": "london", "paths": ["a"], "every": "1h", **said}
    with world.engine.begin() as tx:
        return schedules.create(tx, body, OWNER)


def overdue(world: World, id: int, since: str = "0 s") -> datetime:
    """Let its next time be so long ago, as if it had been made before that; which time that is."""
    moved = """
        update schedules set anchor = clock_timestamp() - cast(:since as interval) - interval '1 day',
          next_at = clock_timestamp() - cast(:since as interval)
        where id = :id returning next_at
    """
    return world.one(moved, id=id, since=since).next_at


def fire(world: World, id: int, since: str = "0 s") -> datetime:
    """Let it be due, and the hub see it."""
    due = overdue(world, id, since)
    world.turn(2)
    return due


def firings(world: World, id: int) -> list[Row[Any]]:
    return world.all("select * from firings where schedule_id = :id order by due_at", id=id)


def outcomes(world: World, id: int) -> list[str]:
    return [row.outcome for row in firings(world, id)]


def end_job(world: World) -> None:
    """Let the one job that is at london end well."""
    world.turn()
    parcel = world.london.parcel()
    while not world.london.claim(parcel):  # of one that was cancelled
        parcel = world.london.parcel()
    world.london.finish(parcel, 1)
    world.turn(2)


def test_a_due_time_is_fired_once(world: World, new_hub: Callable[[], Hub]) -> None:
    id = schedule(world)
    due = fire(world, id)
    [firing] = firings(world, id)
    assert (firing.outcome, firing.due_at, firing.by) == ("started", due, None)
    job = world.one("select * from jobs where id = :job", job=firing.job_id)
    assert (job.owner, job.name, job.workflow, job.site) == (OWNER, "often", "work", "london")
    told = world.one("select reason from history where job_id = :job and event = 'Submitted'", job=job.id).reason
    assert told.startswith(f"schedule {id} (often), due {due:%Y-%m-%d %H:%M:%S}")
    after = world.one("select next_at - :due as wait from schedules where id = :id", id=id, due=due).wait
    assert timedelta(0) < after <= timedelta(hours=1)
    for _ in range(2):  # nor by the one that comes after it
        world.turn(2)
        world.hub = new_hub()
    assert len(firings(world, id)) == 1
    with world.engine.begin() as tx:
        [cause] = [cause for cause in why_job(tx, job.id).items if cause.cause == "scheduled"]
    assert f"schedule {id} (often) started it" in cause.detail
    end_job(world)
    assert world.state(job.id) == "Success"


def test_the_database_refuses_a_second_firing_of_a_time(world: World) -> None:
    id = schedule(world)
    fire(world, id)
    again = "insert into firings (schedule_id, due_at, outcome) select schedule_id, due_at, 'queued' from firings"
    with pytest.raises(IntegrityError), world.engine.begin() as tx:
        tx.exec_driver_sql(again)


def test_a_hub_that_waits_is_woken_by_the_clock(world: World) -> None:
    id = schedule(world, every="1s")
    world.turn(2)

    def fired_twice() -> bool:
        world.hub.tick(30.0)
        return len(firings(world, id)) >= 2

    assert wait_until(fired_twice, 20)
    late = [(row.at - row.due_at).total_seconds() for row in firings(world, id)]
    assert max(late) < 1.0, late


def test_skip(world: World) -> None:
    id = schedule(world)
    fire(world, id)
    fire(world, id)
    first, second = firings(world, id)
    assert (second.outcome, second.reason) == ("skipped", f"job {first.job_id} has not ended")
    end_job(world)
    fire(world, id)
    assert outcomes(world, id) == ["started", "skipped", "started"]
    end_job(world)


def test_queue(world: World) -> None:
    id = schedule(world, overlap="queue")
    for _ in range(3):
        fire(world, id)
    assert outcomes(world, id) == ["started", "queued", "queued"]
    for ended in range(1, 4):
        end_job(world)
        assert outcomes(world, id) == ["started"] * min(ended + 1, 3) + ["queued"] * max(2 - ended, 0)
    jobs = [row.job_id for row in firings(world, id)]
    assert jobs == sorted(set(jobs))


def test_no_more_than_a_hundred_are_queued(world: World) -> None:
    id = schedule(world, overlap="queue", every="1s", catch_up="1h")
    fire(world, id, "10 minutes")
    world.turn(40)
    found = firings(world, id)
    assert [row.outcome for row in found].count("queued") == 100
    assert found[0].outcome == "started"
    assert {row.reason for row in found if row.outcome == "skipped"} == {"100 firings are queued already"}
    with world.engine.begin() as tx:
        schedules.enable(tx, id, OWNER, None, enabled=False)
    assert "queued" not in outcomes(world, id)
    end_job(world)


def test_replace(world: World) -> None:
    id = schedule(world, overlap="replace")
    fire(world, id)
    for _ in range(2):
        fire(world, id)
    world.turn(3)
    first, second, third = firings(world, id)
    assert (first.outcome, second.outcome, third.outcome) == ("started", "skipped", "started")
    assert "took its place" in second.reason
    assert world.state(first.job_id) == "Cancelled"
    reason = world.one(
        "select reason from history where job_id = :job and event = 'CancelRequested'", job=first.job_id
    ).reason
    assert f"schedule {id} (often)" in reason
    end_job(world)
    assert world.state(third.job_id) == "Success"


def test_what_was_missed_is_made_up_as_far_back_as_it_says(world: World) -> None:
    id = schedule(world, overlap="queue", every="10m", catch_up="1h")
    due = fire(world, id, "3 hours 5 minutes")
    world.turn(3)
    missed, *made_up = firings(world, id)
    assert (missed.outcome, missed.due_at) == ("missed", due)
    assert "is not made up" in missed.reason
    assert 5 <= len(made_up) <= 7
    assert [row.outcome for row in made_up] == ["started"] + ["queued"] * (len(made_up) - 1)
    assert {later.due_at - earlier.due_at for earlier, later in pairwise(made_up)} == {timedelta(minutes=10)}
    assert world.one("select next_at > now() as ahead from schedules where id = :id", id=id).ahead
    for _ in made_up:
        end_job(world)


def test_once_is_fired_once_and_is_over(world: World) -> None:
    at = datetime.now(UTC) + timedelta(seconds=1)
    id = schedule(world, every=None, at=at.isoformat())
    assert wait_until(lambda: (world.hub.tick(2.0), bool(firings(world, id)))[1], 20)
    assert [row.due_at for row in firings(world, id)] == [at]
    assert outcomes(world, id) == ["started"]
    assert world.one("select next_at from schedules where id = :id", id=id).next_at is None
    end_job(world)


def breaks(world: World, how: str) -> None:
    with world.engine.begin() as tx:
        tx.exec_driver_sql(how)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("update workflows set deleted_at = now()", "there is no workflow 'work'"),
        ('update schedules set definition = definition || \'{"site": "rome"}\'', "unknown site 'rome'"),
        ("update schedules set definition = definition || '{\"workflow_version\": 9}'", "has no version 9"),
        ("update users set roles = '{viewer}'", "may not start jobs any more"),
        ("delete from users", "may not start jobs any more"),
        ("alter table jobs add constraint broken check (name <> 'often')", "IntegrityError"),
    ],
)
def test_what_can_not_be_submitted_is_told_and_the_schedule_goes_on(world: World, how: str, reason: str) -> None:
    id = schedule(world)
    breaks(world, how)
    fire(world, id)
    [firing] = firings(world, id)
    assert (firing.outcome, firing.job_id) == ("failed", None)
    assert reason in firing.reason
    fire(world, id)
    assert outcomes(world, id) == ["failed", "failed"]
    assert world.one("select next_at > now() as ahead from schedules").ahead
    assert world.one("select count(*) as n from jobs").n == 0


def test_one_that_can_not_be_read_is_due_no_more_and_stops_no_other(world: World) -> None:
    id = schedule(world)
    with world.engine.begin() as tx:
        other = {"name": "other", "workflow": "work", "site": "london", "paths": ["b"], "every": "1h"}
        second = schedules.create(tx, other, OWNER)
    breaks(world, "update schedules set definition = definition || '{\"cron\": \"gone\"}' where name = 'often'")
    overdue(world, id)
    fire(world, second)
    assert outcomes(world, id) == ["failed"]
    assert "can not be read any more: $.cron" in firings(world, id)[0].reason
    assert outcomes(world, second) == ["started"]
    assert world.one("select next_at from schedules where id = :id", id=id).next_at is None
    with world.engine.begin() as tx:
        assert read_schedule(tx, id).next_times == []
        mended = {"name": "often", "workflow": "work", "site": "london", "paths": ["a"], "every": "1h"}
        schedules.change(tx, id, mended, OWNER)
    fire(world, id)
    assert outcomes(world, id) == ["failed", "started"]
    end_job(world)
    end_job(world)


def test_somebody_runs_it(world: World) -> None:
    id = schedule(world, enabled=False)
    with world.engine.begin() as tx:
        run_now(tx, id, "eve", None)
    [firing] = firings(world, id)
    assert (firing.outcome, firing.by) == ("started", "eve")
    told = world.one("select reason from history where job_id = :job", job=firing.job_id).reason
    assert told == f"schedule {id} (often), run by eve"
    with pytest.raises(Conflict, match=f"job {firing.job_id} has not ended"), world.engine.begin() as tx:
        run_now(tx, id, "eve", None)
    end_job(world)
    breaks(world, "update workflows set deleted_at = now()")
    with pytest.raises(Invalid, match="can not be taken"), world.engine.begin() as tx:
        run_now(tx, id, "eve", None)
    assert len(firings(world, id)) == 1, "who asks is told, and nothing is kept of it"


def test_of_what_has_no_job_the_last_thousand_are_kept(world: World) -> None:
    id = schedule(world)
    fire(world, id)
    world.one("select setval('firings_id_seq', 97 * 1000 - 2)")
    with world.engine.begin() as tx:
        tx.exec_driver_sql(
            "insert into firings (id, schedule_id, due_at, outcome) "
            f"select 1000 + n, {id}, now() - make_interval(secs => n), 'skipped' from generate_series(1, 1500) n"
        )
    fire(world, id)
    fire(world, id)
    assert [row.outcome for row in firings(world, id)].count("skipped") <= 1002
    assert outcomes(world, id).count("started") == 1
    end_job(world)
