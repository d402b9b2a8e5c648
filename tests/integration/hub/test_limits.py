"""Limits on what runs at once: of a job, of a workflow, of an action; and what nobody limits goes its way."""

from typing import Any

import pytest

from orchestrator.contracts.change import JobChange
from orchestrator.contracts.limit import LimitsAsked
from orchestrator.domain.roles import Role
from orchestrator.errors import Invalid, NotFound
from orchestrator.services.edit import change
from orchestrator.services.keys import Caller
from orchestrator.services.throttle import throttle
from orchestrator.storage.queries.snapshot import snapshot
from orchestrator.storage.queries.why import why_job, why_task
from tests.integration.hub.conftest import World

MANY = 6
OPERATOR = Caller("olga", frozenset({Role.OPERATOR}), 1)


def begin(world: World, **more: Any) -> int:
    """A job of the workflow that is defined, with a task for each of some paths."""
    job = world.submit(**more)
    world.turn()
    order = world.london.walk()
    for place in range(MANY):
        world.london.batch(order, place + 1, [b"/%d.0" % place], closed=place == MANY - 1)
    world.turn(2)
    return job


def out(world: World, job: int) -> int:
    return world.one("select count(*) as n from parcels where job_id = :job", job=job).n


def causes(world: World, job: int) -> dict[str, str]:
    with snapshot(world.engine) as tx:
        return {cause.cause: cause.detail for cause in why_job(tx, job).items}


def finish_all(world: World, *jobs: int, most: int) -> None:
    """Let all that is handed out end, until the jobs have; never more than so many are out."""
    for _ in range(50):
        assert sum(out(world, job) for job in jobs) <= most
        while world.london.waiting():
            world.london.finish(world.london.parcel(), 1)
        world.turn(2)
    assert {world.state(job) for job in jobs} == {"Success"}


def test_of_a_job(world: World):
    world.define([{"name": "noop"}])
    job = begin(world, max_running=2)
    assert out(world, job) == 2
    world.turn(3)
    assert out(world, job) == 2
    assert causes(world, job)["limit"] == f"at most 2 tasks of job {job} run at once (max_running), and 2 do"
    with snapshot(world.engine) as tx:
        last = world.one("select max(task_id) as id from ready").id
        assert "limit" in {cause.cause for cause in why_task(tx, last).items}
    finish_all(world, job, most=2)
    assert "limit" not in causes(world, job)


def test_who_has_no_limit_is_not_held_up_by_one_that_has(world: World):
    world.define([{"name": "noop"}])
    one, other = begin(world, max_running=1), begin(world)
    assert (out(world, one), out(world, other)) == (1, 3)


def test_of_a_workflow_in_all_its_jobs(world: World):
    world.define([{"name": "noop"}], max_running=3)
    one, other = begin(world), begin(world)
    assert out(world, one) + out(world, other) == 3
    assert "of workflow work run at once" in causes(world, other)["limit"]
    finish_all(world, one, other, most=3)


def test_of_an_action_in_all_jobs_of_its_workflow(world: World):
    world.define([{"name": "noop", "max_running": 1}, {"name": "fs.checksum"}])
    one, other = begin(world), begin(world)
    assert out(world, one) + out(world, other) == 1
    assert "of the action noop in workflow work" in causes(world, other)["limit"]
    world.london.finish(world.london.parcel(), 1)
    world.turn(2)
    actions = sorted(parcel.action for parcel in (world.london.parcel(), world.london.parcel()))
    assert actions == ["fs.checksum", "noop"]
    for parcel in world.london.taken[-2:]:
        world.london.finish(parcel, 1)
    world.turn(2)
    finish_all(world, one, other, most=4)


def test_what_waits_for_an_actions_limit_stands_in_the_way_of_no_other_action(world: World):
    """The tasks of the second step are the older ones, and there are more than are looked at for the free places."""
    world.define([{"name": "noop"}, {"name": "fs.checksum", "max_running": 1}])
    job = begin(world)
    for _ in range(MANY):
        while world.london.waiting():
            parcel = world.london.parcel()
            if parcel.action == "noop":
                world.london.finish(parcel, 1)
        world.turn(2)
    done = world.all("select id & 63 as step, state from tasks where job_id = :job order by id", job=job)
    assert [row.state for row in done if row.step == 0] == ["Success"] * MANY
    assert out(world, job) == 1


def limit_job(world: World, job: int, n: int | None) -> None:
    with world.engine.begin() as tx:
        change(tx, job, OPERATOR, lambda: JobChange(max_running=n))


def limit(world: World, **said: Any) -> int:
    """Limit the workflow; the version that says so."""
    with world.engine.begin() as tx:
        return throttle(tx, "work", LimitsAsked(**said), "olga").version


def test_of_a_job_that_runs_is_taken_up_at_the_next_turn(world: World):
    world.define([{"name": "noop"}])
    job = begin(world, max_running=1)
    assert out(world, job) == 1
    limit_job(world, job, 3)
    world.turn()
    assert out(world, job) == 3
    limit_job(world, job, 2)
    world.turn(2)
    assert out(world, job) == 3, "what runs is finished"
    assert causes(world, job)["limit"] == f"at most 2 tasks of job {job} run at once (max_running), and 3 do"
    world.london.finish(world.london.parcel(), 1)
    world.turn(2)
    assert out(world, job) == 2
    limit_job(world, job, None)
    assert "limit" not in causes(world, job)
    finish_all(world, job, most=MANY)


def test_of_a_workflow_whose_jobs_run(world: World):
    world.define([{"name": "noop"}])
    one, other = begin(world, max_running=2), begin(world)
    assert (out(world, one), out(world, other)) == (2, 2)
    assert limit(world, max_running=1) == 2
    world.london.finish(world.london.parcel(), 1)
    world.turn(2)
    assert out(world, one) + out(world, other) == 3
    assert "at most 1 tasks of workflow work run at once" in causes(world, other)["limit"]
    assert limit(world, max_running=1) == 2, "the same again is no version"
    assert limit(world, max_running=None) == 3
    world.turn()
    assert out(world, one) == 2, "it has a limit of its own"
    assert out(world, other) > 1
    finish_all(world, one, other, most=2 * MANY)


def test_of_an_action_that_runs_in_jobs_of_any_version(world: World):
    world.define([{"name": "noop", "max_running": 1}])
    old = begin(world)
    assert limit(world, actions={"noop": 2}) == 2
    new = begin(world)
    assert out(world, old) + out(world, new) == 2
    assert "at most 2 tasks of the action noop in workflow work" in causes(world, new)["limit"]
    assert limit(world, actions={"noop": None}) == 3
    assert world.one("select count(*) as n from jobs where max_running is not null").n == 0
    assert (
        world.all("select action from audit where action like 'workflow.%' order by id")[-1].action == "workflow.limit"
    )
    finish_all(world, old, new, most=2 * MANY)


def test_what_is_no_action_of_the_workflow_is_refused(world: World):
    world.define([{"name": "noop"}, {"name": "look", "manual": True}])
    for name in ("look", "fs.copy"):
        with pytest.raises(Invalid) as wrong:
            limit(world, max_running=1, actions={name: 1})
        [fault] = wrong.value.faults
        assert fault.place in ("$.actions.look", "$.actions['fs.copy']")
        assert fault.reason.endswith("these are: noop")
    with pytest.raises(NotFound), world.engine.begin() as tx:
        throttle(tx, "none", LimitsAsked(max_running=1), "olga")


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", True])
def test_a_limit_that_is_none_is_refused_with_its_place(world: World, n: object):
    world.define([{"name": "noop"}])
    with pytest.raises(Invalid) as wrong:
        world.submit(max_running=n)
    assert [fault.place for fault in wrong.value.faults] == ["$.max_running"]


def test_people_are_not_limited(world: World):
    with pytest.raises(Invalid, match="can not be taken") as wrong:
        world.define([{"name": "look", "manual": True, "max_running": 1}])
    assert "takes no max_running" in str(wrong.value.faults)
