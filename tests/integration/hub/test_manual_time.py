"""What time brings about for tasks that wait for people: claims that lapse, and defaults that are taken."""

import pytest
from sqlalchemy import text

from orchestrator.domain.answer import Answer
from orchestrator.errors import Conflict, IllegalTransition
from orchestrator.services import hold as holds
from orchestrator.services.claim import claim
from orchestrator.services.control import pause, resume
from tests.integration.hub.conftest import World
from tests.integration.hub.redrives import progress, run
from tests.integration.hub.test_manual import ANN, CHAIN, EVE, decided, do, reviewed, state


def test_a_claim_that_lasts_too_long_goes_back(world: World) -> None:
    chain = [CHAIN[0], {"name": "review", "manual": {"claim": "1h"}}, CHAIN[2]]
    _, [task] = reviewed(world, chain=chain)
    do(world, claim, task, EVE)
    world.hub.judge()
    assert state(world, task) == "Started"
    with world.engine.begin() as tx:
        tx.execute(text("update asks set claim_until = clock_timestamp(), look_at = clock_timestamp()"))
    world.hub.judge()
    assert state(world, task) == "Pending"
    with pytest.raises(IllegalTransition):
        decided(world, task, EVE, Answer.ACCEPT, attempt=1)
    last = world.all("select actor, event, comment from task_history order by seq")[-1]
    assert tuple(last) == ("hub", "Lapsed", "the claim of eve")


@pytest.mark.parametrize(("default", "ends"), [("accept", (3, 3, 0, 0, 0)), ("reject", (3, 0, 3, 0, 0))])
def test_what_nobody_decides_in_time_is_decided(world: World, default: str, ends: tuple[int, ...]) -> None:
    chain = [CHAIN[0], {"name": "review", "manual": {"deadline": "1h", "default": default}}, CHAIN[2]]
    job, [task] = reviewed(world, chain=chain)
    world.hub.judge()
    assert state(world, task) == "Pending"
    late(world)
    world.hub.judge()
    run(world)
    assert progress(world, job) == ends
    last = world.all("select actor, comment from task_history order by seq")[-1]
    assert tuple(last) == ("hub", "nobody has decided in time")


def late(world: World) -> None:
    with world.engine.begin() as tx:
        tx.execute(text("update asks set due_at = clock_timestamp(), look_at = clock_timestamp()"))


def test_a_job_is_held_where_that_is_what_happens_when_nobody_decides(world: World) -> None:
    chain = [CHAIN[0], {"name": "review", "manual": {"deadline": "1h", "default": "hold"}}, CHAIN[2]]
    job, [task, _] = reviewed(world, 2, 1, chain=chain)
    late(world)
    world.hub.judge()
    [hold] = world.all("select id, kind, reason from holds where job_id = :job", job=job)
    assert (hold.kind, hold.reason) == ("deadline", f"nobody has decided in time: task {task} (review)")
    with pytest.raises(Conflict, match="nobody has decided"):
        do(world, claim, task, ANN)
    world.hub.judge()
    do(world, holds.release, hold.id, "pia", "I look")
    world.hub.judge()
    assert len(world.all("select id from holds")) == 1
    do(world, claim, task, ANN)


def test_a_deadline_waits_while_the_job_is_paused(world: World) -> None:
    chain = [CHAIN[0], {"name": "review", "manual": {"deadline": "1h", "default": "accept"}}, CHAIN[2]]
    job, [task] = reviewed(world, chain=chain)
    late(world)
    world.control(pause, job)
    world.hub.judge()
    assert state(world, task) == "Pending"
    world.control(resume, job)
    late(world)
    world.hub.judge()
    assert state(world, task) == "Success"
