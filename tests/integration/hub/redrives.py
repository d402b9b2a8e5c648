"""Redriving, and the running of what is redriven, for its tests."""

from collections.abc import Collection
from typing import Any

from orchestrator.contracts.parcel import Parcel
from orchestrator.contracts.paths import bitmap, indices, unpack, unpack_carry
from orchestrator.contracts.redrive import RedriveAsked
from orchestrator.contracts.report import Ended, Problem, TaskError
from orchestrator.services import redrive as service
from tests.integration.hub.conftest import World

THREE = [{"name": "noop"}, {"name": "fs.checksum"}, {"name": "noop", "site": "paris"}]


def redrive(world: World, job: int, **asked: Any) -> int:
    with world.engine.begin() as tx:
        family = service.sources(tx, job)
        return service.redrive(tx, job, family, RedriveAsked.model_validate(asked), "tester")


def paths_of(parcel: Parcel) -> list[bytes]:
    """Under their present names."""
    order = parcel.tasks[0]
    batch, names = unpack(order.paths), unpack_carry(order.carry).renamed
    return [names.get(index, batch.paths[index]) for index in indices(order.given, len(batch))]


def filled(world: World, *batches: int, **workflow: Any) -> int:
    world.define(THREE, **workflow)
    job = world.submit()
    world.turn()
    order = world.london.walk()
    world.london.claim(order)
    for sequence, n in enumerate(batches, 1):
        paths = [b"/data/%d/%d" % (sequence, i) for i in range(n)]
        world.london.batch(order, sequence, paths, closed=sequence == len(batches))
    world.turn()
    return job


def run(
    world: World, *, bad: Collection[bytes] = (), broken: Collection[bytes] = (), gone: Collection[bytes] = ()
) -> list[tuple[int, bytes]]:
    """Run all there is; (step, path) of everything that was run. ``bad`` fail, of what is ``broken`` the task does."""
    ran: list[tuple[int, bytes]] = []
    for _ in range(40):
        for site in (world.london, world.paris):
            for _ in range(site.waiting()):
                parcel = site.parcel()
                if not site.claim(parcel):
                    continue
                order, paths = parcel.tasks[0], paths_of(parcel)
                ran += ((parcel.step, path) for path in paths)
                places = list(indices(order.given, len(unpack(order.paths))))
                key = {(parcel.step, path) for path in paths}
                if key & {(int(one[:1]), one[1:]) for one in broken}:
                    site.report(Ended(order.task, order.attempt, 0.1, error=TaskError("Broken", "all of it")))
                    continue
                said = {(int(one[:1]), one[1:]): "failed" for one in bad} | {
                    (int(one[:1]), one[1:]): "aborted" for one in gone
                }
                problems = [
                    Problem(place, said[parcel.step, path], path, "as told", "Bad")
                    for place, path in zip(places, paths, strict=True)
                    if (parcel.step, path) in said
                ]
                passed = [place for place in places if place not in {problem.index for problem in problems}]
                count = [problem.outcome for problem in problems]
                site.report(
                    Ended(
                        order.task,
                        order.attempt,
                        0.1,
                        len(passed),
                        0,
                        count.count("failed"),
                        count.count("aborted"),
                        passed=bitmap(passed, len(unpack(order.paths))),
                        problems=problems,
                    )
                )
        world.turn(2)
    return sorted(ran)


def progress(world: World, job: int) -> tuple[int, ...]:
    row = world.one("select total, processed, failed, aborted, cancelled from progress where job_id = :job", job=job)
    return tuple(row)
