"""Why something does not move is told by the cause that really holds it, with what would free it."""

from orchestrator.contracts.report import Died
from orchestrator.services.control import cancel, pause
from orchestrator.storage.queries.why import why_job, why_task
from tests.integration.hub.conftest import World
from tests.integration.hub.test_control import drain_queue, many
from tests.integration.hub.test_main_way import TWO_STEPS
from tests.integration.hub.test_recovery import age, with_paths


def job_causes(world: World, job: int) -> dict[str, str]:
    with world.engine.begin() as tx:
        return {cause.cause: cause.detail for cause in why_job(tx, job).items}


def task_causes(world: World, task: int) -> dict[str, str]:
    with world.engine.begin() as tx:
        return {cause.cause: cause.detail for cause in why_task(tx, task).items}


def first_task(world: World, step: int = 0) -> int:
    return world.one("select min(id) as id from tasks where id & 63 = :step", step=step).id


def test_no_walker(world: World) -> None:
    world.define(TWO_STEPS)
    age(world, 60)
    job = world.submit()
    world.turn()
    causes = job_causes(world, job)
    assert "london.default.discovery" in causes["no_worker"]
    assert "discovery_waits" in causes


def test_no_worker_and_the_step_before(world: World) -> None:
    job = many(world, 1)
    with world.engine.begin() as tx:
        tx.exec_driver_sql("update nodes set left_at = now() where node = 'paris.worker@host'")
    parcel = drain_queue(world)[0]
    causes = task_causes(world, first_task(world, 1))
    assert causes["waits_for_step"] == f"it waits for step 0 (task {first_task(world)}, Pending)"
    assert "queued" in causes
    world.london.start(parcel)
    world.turn()
    assert "london.worker@host" in task_causes(world, first_task(world))["running"]
    world.london.finish(parcel, 1)
    world.turn()
    assert "paris.default.worker" in job_causes(world, job)["no_worker"]
    assert "paris.default.worker" in task_causes(world, first_task(world, 1))["no_worker"]
    assert "ended" in task_causes(world, first_task(world))


def test_paused_and_cancelled_say_by_whom_and_why(world: World) -> None:
    job = many(world, 3)
    parcel = drain_queue(world)[0]
    world.london.start(parcel)
    world.turn()
    world.control(pause, job)
    assert "1 tasks and 0 walks are being finished" in job_causes(world, job)["pausing"]
    world.london.finish(parcel, 1)
    world.turn()
    detail = job_causes(world, job)["paused"]
    assert "by tester" in detail
    assert detail.endswith("because")
    world.control(cancel, job)
    assert "dequeuing" in job_causes(world, job)
    world.turn(2)
    assert job_causes(world, job)["ended"] == f"job {job} has ended: Cancelled"


def test_busy_names_the_jobs_in_front(world: World) -> None:
    first = many(world, 8)
    for parcel in drain_queue(world):
        world.london.start(parcel)
    world.turn()
    waiting = world.one("select max(task_id) as id from ready").id
    assert f"of jobs {first} (4)" in task_causes(world, waiting)["busy"]


def test_a_task_that_kills_its_process(world: World) -> None:
    with_paths(world, 8)
    parcel = world.london.parcel()
    world.london.start(parcel)
    world.london.report(Died(parcel.tasks[0].task, 1, "signal 9"))
    world.turn(2)
    assert "its process died 1 times" in task_causes(world, first_task(world))["crashed"]


def test_a_worker_that_has_gone_silent(world: World) -> None:
    job = with_paths(world, 1)
    world.london.start(world.london.parcel())
    world.turn()
    assert "running" in job_causes(world, job)
    age(world, 9)
    assert "nothing was heard for 9 s" in job_causes(world, job)["silent"]


def test_a_disabled_site(world: World) -> None:
    job = many(world, 1)
    world.london.finish(drain_queue(world)[0], 1)
    with world.engine.begin() as tx:
        tx.exec_driver_sql("update sites set enabled = false where name = 'paris'")
    world.turn()
    assert "site_disabled" in job_causes(world, job)
