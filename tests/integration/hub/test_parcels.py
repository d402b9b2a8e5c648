"""Short tasks travel together, long ones alone; who shares a lane, and what becomes of a parcel that is lost."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from orchestrator.contracts.batch import Found
from orchestrator.contracts.parcel import Parcel
from orchestrator.contracts.paths import PathList, pack
from orchestrator.contracts.report import Ended, Item, Returned, Started
from orchestrator.domain.pace import ALONE_S
from orchestrator.hub import Hub
from orchestrator.services import dispatch
from orchestrator.services.control import cancel
from tests.integration.hub.conftest import SECRET, World
from tests.integration.hub.test_recovery import age


@pytest.fixture
def world(world: World) -> Iterator[World]:
    """With a hub that may send as many tasks together as any."""
    connection = world.hub._connection
    world.hub = Hub(connection, world.redis, SECRET, "generous", world.workspaces)
    world.hub.take_over()
    world.define([{"name": "noop"}])
    with world.hub.beside:
        world.turn()
        yield world


def filled(world: World, batches: int, priority: int = 5) -> int:
    """A job of so many batches of one path."""
    made = world.submit(priority=priority)
    world.turn()
    order = world.london.walk()
    assert world.london.claim(order)
    for first in range(0, batches, 100):
        found = [Found(0, 1, pack(PathList([b"/data/%d" % n]))) for n in range(first, min(first + 100, batches))]
        world.london.entry(order, first // 100 + 1, found, closed=first + 100 >= batches)
    world.turn()
    return made


def run(world: World, parcel: Parcel, seconds: float) -> None:
    """Do what is in it, each task in so many seconds."""
    assert world.london.claim(parcel)
    items: list[Item] = []
    for order in parcel.tasks:
        items += [Started(order.task, order.attempt, time.time()), Ended(order.task, order.attempt, seconds, 1)]
    world.london.report(*items)


def waiting(world: World) -> list[Parcel]:
    return [world.london.parcel() for _ in range(world.london.waiting())]


def sizes(world: World, seconds: float, rounds: int) -> list[int]:
    """How large the parcels are, round by round."""
    found: list[int] = []
    for _ in range(rounds):
        parcels = waiting(world)
        found.append(max(len(parcel.tasks) for parcel in parcels))
        for parcel in parcels:
            run(world, parcel, seconds)
        world.turn()
    return found


def test_short_tasks_travel_together_more_and_more(world: World) -> None:
    job = filled(world, 3000)
    assert sizes(world, 0.0001, 4) == [1, 4, 16, 64]
    assert world.one("select attempt from tasks where job_id = :job order by id limit 1", job=job).attempt == 1


def test_a_parcel_is_half_a_second_of_work(world: World) -> None:
    filled(world, 300)
    assert sizes(world, 0.09, 4) == [1, 4, 5, 5]


def test_long_tasks_travel_alone_at_once_and_no_more_are_ahead_than_needed(world: World) -> None:
    filled(world, 3000)
    sizes(world, 0.0001, 3)
    parcels = waiting(world)
    run(world, parcels[0], ALONE_S + 0.1)
    for parcel in parcels[1:]:
        run(world, parcel, 0.0001)
    world.turn()
    parcels = waiting(world)
    assert {len(parcel.tasks) for parcel in parcels} == {1}
    assert len(parcels) == 4, "two for each of two processes"


def test_where_little_is_left_all_processes_get_some(world: World) -> None:
    filled(world, 1 + 4 * 5 + 30)
    sizes(world, 0.0001, 2)
    run_all = waiting(world)
    assert len(run_all) >= 2
    assert max(len(parcel.tasks) for parcel in run_all) <= 16


def test_a_parcel_is_no_larger_than_a_message_may_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(world, 3000)
    sizes(world, 0.0001, 3)
    monkeypatch.setattr(dispatch, "MOST_BYTES", 200)
    for parcel in waiting(world):
        run(world, parcel, 0.0001)
    world.turn()
    for parcel in waiting(world):
        assert len(parcel.tasks) == 1 or sum(len(order.paths) for order in parcel.tasks) <= 200


def shared(world: World, jobs: Sequence[int], rounds: int) -> Counter[int]:
    """How many tasks of each were run."""
    ran = Counter[int]()
    for _ in range(rounds):
        for parcel in waiting(world):
            ran[parcel.job] += len(parcel.tasks)
            run(world, parcel, 0.1)
        world.turn()
    return Counter({job: ran[job] for job in jobs})


def test_jobs_share_a_lane_by_their_priority(world: World) -> None:
    low, high = filled(world, 400, priority=1), filled(world, 400, priority=5)
    ran = shared(world, [low, high], 20)
    assert ran[high] == pytest.approx(3 * ran[low], rel=0.2)


def test_a_small_job_does_not_wait_for_a_large_one(world: World) -> None:
    large = filled(world, 2000)
    shared(world, [large], 5)
    small = filled(world, 3)
    for parcel in waiting(world):  # what was handed out before
        run(world, parcel, 0.1)
    world.turn()
    assert small in {parcel.job for parcel in waiting(world)}


def some_together(world: World) -> tuple[int, Parcel, list[Parcel]]:
    """A job, one of its parcels, and the others that are out."""
    job = filled(world, 400)
    sizes(world, 0.05, 2)
    parcel, *rest = waiting(world)
    assert len(parcel.tasks) > 2
    return job, parcel, rest


def begin(world: World, parcel: Parcel) -> None:
    """Claim it, and say that its first task has begun."""
    assert world.london.claim(parcel)
    first = parcel.tasks[0]
    world.london.report(Started(first.task, first.attempt, time.time()))
    world.turn()


def attempts(world: World, parcel: Parcel) -> list[int]:
    ids = [order.task for order in parcel.tasks]
    return [row.attempt for row in world.all("select attempt from tasks where id = any(:ids) order by id", ids=ids)]


def test_of_a_parcel_that_is_lost_with_its_process_only_what_ran_is_charged(world: World) -> None:
    job, parcel, _ = some_together(world)
    begin(world, parcel)
    assert world.one("select count(*) as n from parcels where claimed_at is not null").n == 1
    age(world, 16)
    world.london.announce()
    world.turn()
    world.hub.judge()
    world.turn()
    rows = world.all(
        "select id, crashes from tasks where id = any(:ids) order by id", ids=[o.task for o in parcel.tasks]
    )
    assert [row.crashes for row in rows] == [1] + [0] * (len(parcel.tasks) - 1)
    assert world.one("select count(*) as n from parcels where id = :id", id=parcel.id).n == 0
    assert world.state(job) == "Started"


def test_what_a_parcel_gives_back_is_handed_out_again_and_costs_nothing(world: World) -> None:
    job, parcel, others = some_together(world)
    begin(world, parcel)
    first, *rest = parcel.tasks
    world.london.report(*(Returned(order.task, order.attempt, "the tasks before it take long") for order in rest))
    world.turn()
    out = world.all("select task_id from handouts where parcel = :id", id=parcel.id)
    assert [row.task_id for row in out] == [first.task]
    world.london.report(Ended(first.task, first.attempt, 5.0, 1))
    for other in others:
        run(world, other, 0.05)
    world.turn()
    for _ in range(40):
        for again in waiting(world):
            run(world, again, 0.0001)
        world.turn()
    assert world.state(job) == "Success"
    assert attempts(world, parcel) == [1] + [2] * len(rest)
    assert world.one("select max(tries + crashes) as n from tasks where job_id = :job", job=job).n == 0


def test_the_receipt_of_a_cancel_counts_what_is_in_parcels(world: World) -> None:
    job, parcel, rest = some_together(world)
    begin(world, parcel)
    world.control(cancel, job)
    world.london.report(
        Ended(parcel.tasks[0].task, parcel.tasks[0].attempt, 0.1, 1),
        *(Returned(order.task, order.attempt, "the job is being stopped") for order in parcel.tasks[1:]),
    )
    world.turn(3)
    assert world.state(job) == "Cancelled"
    receipt = world.one("select receipt from jobs where id = :job", job=job).receipt
    running = len(parcel.tasks)
    assert (receipt["running"], receipt["stopped"], receipt["finished"]) == (running, running - 1, 1)
    assert receipt["queued"] == sum(len(other.tasks) for other in rest)
