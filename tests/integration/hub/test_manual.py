"""Steps that people do, in chains that sites do the rest of: claimed, decided path by path, given back, cancelled."""

from typing import Any

import pytest

from orchestrator.broker.permits import Permits
from orchestrator.contracts.answer import AnswerAsked, DecisionAsked, Said
from orchestrator.contracts.hold import HoldAsked
from orchestrator.contracts.paths import indices, unpack_carry
from orchestrator.domain.answer import Answer
from orchestrator.domain.roles import Role
from orchestrator.errors import Conflict, Forbidden, IllegalTransition, Invalid, NotFound
from orchestrator.services import hold as holds
from orchestrator.services.answer import answer, decide
from orchestrator.services.claim import claim, give_back
from orchestrator.services.control import cancel, pause, resume
from orchestrator.services.keys import Caller
from tests.integration.hub.conftest import World
from tests.integration.hub.redrives import progress, redrive, run

ANN = Caller("ann", frozenset({Role.WORKER}), 1, frozenset({"qa"}))
BEN = Caller("ben", frozenset({Role.REVIEWER}), 2, frozenset({"qa"}))
EVE = Caller("eve", frozenset({Role.WORKER}), 3, frozenset({"sales"}))
PLANNER = Caller("pia", frozenset({Role.PLANNER}), 4)

CHAIN = [{"name": "fs.checksum"}, {"name": "review", "manual": True, "group": "qa"}, {"name": "noop", "site": "paris"}]


def reviewed(world: World, *batches: int, chain: list[dict[str, Any]] | None = None) -> tuple[int, list[int]]:
    """A job whose batches wait for people, and the tasks that do."""
    world.define(chain or CHAIN)
    job = world.submit()
    world.turn()
    order = world.london.walk()
    for sequence, n in enumerate(batches or (3,), 1):
        paths = [b"/data/%d/%d.tif" % (sequence, i) for i in range(n)]
        world.london.batch(order, sequence, paths, closed=sequence == (len(batches) or 1))
    world.turn()
    run(world)
    return job, [row.task_id for row in world.all("select task_id from asks order by task_id")]


def do(world: World, what: Any, *asked: Any) -> Any:
    with world.engine.begin() as tx:
        return what(tx, *asked)


def decided(world: World, task: int, who: Caller, said: Answer, **asked: Any) -> None:
    do(world, answer, task, who, said, lambda: AnswerAsked.model_validate(asked))


def state(world: World, task: int) -> str:
    return world.one("select state from tasks where id = :task", task=task).state


def test_a_manual_step_is_handed_to_no_site_and_goes_on_when_it_is_accepted(world: World) -> None:
    job, [task] = reviewed(world)
    assert world.london.waiting() == world.paris.waiting() == 0
    assert world.one("select count(*) as n from ready").n == 0
    assert world.one("select out from progress").out == 0
    do(world, claim, task, ANN)
    assert state(world, task) == "Started"
    world.all_holds()
    decided(world, task, ANN, Answer.ACCEPT)
    assert state(world, task) == "Success"
    assert run(world) == [(2, b"/data/1/%d.tif" % i) for i in range(3)]
    assert world.state(job) == "Success"
    assert progress(world, job) == (3, 3, 0, 0, 0)
    told = world.all("select actor, event, attempt, paths from task_history order by seq")
    assert [tuple(row) for row in told] == [("ann", "Claimed", 1, None), ("ann", "Accepted", 1, 3)]


def test_nothing_is_kept_of_a_job_that_a_person_ends(world: World) -> None:
    job, [task] = reviewed(world, chain=CHAIN[:2])
    permits, sites = Permits(world.redis), ["london", "paris"]
    world.hub.keeper.look()
    assert permits.jobs(sites) == {job}
    decided(world, task, ANN, Answer.ACCEPT)
    assert world.state(job) == "Success"
    world.hub.keeper.look()
    assert permits.jobs(sites) == set()


def test_a_job_can_begin_with_people(world: World) -> None:
    world.define([CHAIN[1], CHAIN[0]])
    job = world.submit()
    world.turn()
    world.london.batch(world.london.walk(), 1, [b"/data/a"], closed=True)
    world.turn()
    assert world.state(job) == "Pending"
    [row] = world.all("select task_id from asks")
    do(world, claim, row.task_id, ANN)
    assert world.state(job) == "Started"
    decided(world, row.task_id, ANN, Answer.ACCEPT)
    run(world)
    assert world.state(job) == "Success"


def test_paths_are_decided_one_by_one_and_what_is_rejected_stops_with_its_reason(world: World) -> None:
    job, [task] = reviewed(world)
    decided(world, task, ANN, Answer.ACCEPT, paths=[{"index": 0, "comment": "fine"}])
    assert state(world, task) == "Started"
    world.all_holds()
    decided(world, task, ANN, Answer.REJECT, paths=[{"index": 2, "comment": "blurred"}, 1], comment="too dark")
    assert state(world, task) == "Error"
    parcel = world.paris.parcel() if world.paris.waiting() else (world.turn(), world.paris.parcel())[1]
    assert list(indices(parcel.tasks[0].given, 3)) == [0]
    assert unpack_carry(parcel.tasks[0].carry).notes == {0: {"review": "fine"}}
    world.paris.claim(parcel)
    world.paris.finish(parcel, 1)
    world.turn()
    assert (world.state(job), progress(world, job)) == ("Failure", (3, 1, 2, 0, 0))
    said = world.all("select path, error_class, message from outcomes order by path")
    assert [(bytes(row.path), row.error_class, row.message) for row in said] == [
        (b"/data/1/1.tif", "Rejected", "too dark"),
        (b"/data/1/2.tif", "Rejected", "blurred"),
    ]


def test_all_that_is_rejected_leaves_nothing_to_do(world: World) -> None:
    job, [task] = reviewed(world)
    decided(world, task, ANN, Answer.REJECT, comment="the wrong folder")
    assert world.tasks(job) == [(0, "Success"), (1, "Error"), (2, "Skipped")]
    assert world.state(job) == "Failure"
    assert world.one("select count(*) as n from asks").n == 0


def test_what_is_given_back_keeps_its_decisions_and_waits_for_others(world: World) -> None:
    job, [task] = reviewed(world)
    decided(world, task, ANN, Answer.REJECT, paths=[1], comment="no")
    do(world, give_back, task, ANN, lambda: Said(comment="I am away", attempt=1))
    assert state(world, task) == "Pending"
    world.all_holds()
    with pytest.raises(IllegalTransition, match="claim"):
        do(world, give_back, task, ANN)
    do(world, claim, task, BEN)
    assert world.one("select attempt from tasks where id = :task", task=task).attempt == 2
    with pytest.raises(Invalid) as wrong:
        decided(world, task, BEN, Answer.ACCEPT, paths=[1, 7])
    assert [(fault.place, fault.reason) for fault in wrong.value.faults] == [
        ("$.paths[0]", "path 1 is decided already"),
        ("$.paths[1]", "the task has no path 7"),
    ]
    decided(world, task, BEN, Answer.ACCEPT)
    run(world)
    assert (world.state(job), progress(world, job)) == ("Failure", (3, 2, 1, 0, 0))


def test_only_those_who_are_asked_may_claim_and_one_of_them_has_it(world: World) -> None:
    _, [task] = reviewed(world)
    with pytest.raises(Forbidden, match="not in the group qa"):
        do(world, claim, task, EVE)
    do(world, claim, task, ANN)
    do(world, claim, task, ANN)
    with pytest.raises(IllegalTransition, match="by ann"):
        do(world, claim, task, BEN)
    for refused in (lambda: decided(world, task, BEN, Answer.ACCEPT), lambda: do(world, give_back, task, BEN)):
        with pytest.raises(Forbidden, match="claimed by ann"):
            refused()
    do(world, give_back, task, PLANNER)
    do(world, claim, task, BEN)
    with pytest.raises(Conflict, match="attempt 2 is the present one, not 1"):
        decided(world, task, BEN, Answer.ACCEPT, attempt=1)


def test_what_is_no_step_of_people_is_refused(world: World) -> None:
    _, [task] = reviewed(world)
    with pytest.raises(Conflict, match="done by a site"):
        do(world, claim, task - 1, ANN)
    with pytest.raises(Conflict, match="done by a site"):
        do(world, claim, task + 1, ANN)
    with pytest.raises(NotFound, match="no task 1"):
        do(world, claim, 1, ANN)
    decided(world, task, ANN, Answer.ACCEPT)
    with pytest.raises(IllegalTransition, match="Success"):
        do(world, claim, task, ANN)


def test_a_rejection_says_why(world: World) -> None:
    _, [task] = reviewed(world)
    with pytest.raises(Invalid) as wrong:
        decided(world, task, ANN, Answer.REJECT)
    assert wrong.value.faults[0].place == "$.comment"
    assert state(world, task) == "Pending", "nothing is kept of what is refused"


def test_pause_stops_people_too_and_needs_nobody_to_finish(world: World) -> None:
    job, [task] = reviewed(world)
    do(world, claim, task, ANN)
    world.control(pause, job)
    assert world.state(job) == "Paused", "what a person has is not with a site"
    for refused in (lambda: decided(world, task, ANN, Answer.ACCEPT), lambda: do(world, give_back, task, ANN)):
        with pytest.raises(IllegalTransition, match="Paused"):
            refused()
    world.control(resume, job)
    decided(world, task, ANN, Answer.ACCEPT)
    run(world)
    assert world.state(job) == "Success"


def test_a_hold_stops_people_too(world: World) -> None:
    job, [task] = reviewed(world)
    hold = do(world, holds.place, HoldAsked.model_validate({"scope": {"job": job}, "reason": "look first"}), "pia")
    with pytest.raises(Conflict, match="held by pia: look first"):
        do(world, claim, task, ANN)
    do(world, holds.release, hold, "pia", None)
    do(world, claim, task, ANN)


def test_cancel_stops_what_people_have_at_once(world: World) -> None:
    job, [one, other, untouched] = reviewed(world, 3, 2, 1)
    decided(world, one, ANN, Answer.ACCEPT, paths=[0])
    decided(world, other, BEN, Answer.REJECT, paths=[1], comment="no")
    do(world, give_back, other, BEN)
    world.control(cancel, job)
    with pytest.raises(IllegalTransition, match="Dequeuing"):
        decided(world, one, ANN, Answer.ACCEPT)
    world.turn(3)
    assert world.state(job) == "Cancelled"
    assert {state(world, task) for task in (one, other, untouched)} == {"Cancelled"}
    assert progress(world, job) == (6, 0, 1, 0, 5)
    assert world.one("select count(*) as n from asks").n == 0


def test_all_that_waits_in_a_job_is_decided_at_once_but_what_others_have(world: World) -> None:
    job, tasks = reviewed(world, 3, 2, 4)
    do(world, claim, tasks[1], BEN)
    asked = DecisionAsked.model_validate({"answer": "reject", "include": ["0.tif"], "comment": "the first is a test"})
    with pytest.raises(Forbidden, match="for others: qa"):
        do(world, decide, job, EVE, lambda: asked)
    done = do(world, decide, job, ANN, lambda: asked)
    assert (done.tasks, done.paths, done.next) == (2, 2, None)
    assert [state(world, task) for task in tasks] == ["Pending", "Started", "Pending"]
    world.all_holds()
    done = do(world, decide, job, ANN, lambda: DecisionAsked(answer=Answer.ACCEPT))
    assert (done.tasks, done.paths) == (2, 5)
    done = do(world, decide, job, BEN, lambda: DecisionAsked(answer=Answer.ACCEPT, step=1))
    assert (done.tasks, done.paths) == (1, 2)
    run(world)
    assert progress(world, job) == (9, 7, 2, 0, 0)
    told = world.all("select event, reason, comment from history where actor = 'ann' order by seq")
    assert tuple(told[0]) == ("Rejected", "2 paths of 2 tasks", "the first is a test")


def test_a_redrive_asks_again_about_what_was_rejected(world: World) -> None:
    job, [task] = reviewed(world)
    decided(world, task, ANN, Answer.REJECT, paths=[1], comment="no")
    decided(world, task, ANN, Answer.ACCEPT)
    run(world)
    again = redrive(world, job)
    world.turn(3)
    [row] = world.all("select task_id from asks")
    assert world.one("select given from tasks where id = :task", task=row.task_id).given == 1
    decided(world, row.task_id, ANN, Answer.ACCEPT)
    assert run(world) == [(2, b"/data/1/1.tif")]
    assert (world.state(again), progress(world, again)) == ("Success", (1, 1, 0, 0, 0))
