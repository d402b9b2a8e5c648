"""What the fence is worth: a report, or a write, under an attempt that is not the present one."""

from collections.abc import Callable

import msgspec
import pytest
from sqlalchemy import Connection

from orchestrator.contracts.parcel import Parcel, TaskOrder
from orchestrator.contracts.report import Ended, Item
from orchestrator.domain.task import TaskState
from orchestrator.services.decide import Task, take
from orchestrator.storage.together import GuardFailed
from orchestrator.storage.transitions import EndedWell, TaskChange, change_tasks, end_well
from tests.integration.hub.conftest import World
from tests.integration.hub.test_recovery import age, with_paths


def _zombie(world: World) -> tuple[int, Parcel, Parcel]:
    """A job, the parcel of a worker that has lost its lease, and that of the one which is at the same task now."""
    job = with_paths(world, 2)
    lost = world.london.parcel()
    world.london.start(lost)
    world.turn()
    age(world, 20)
    world.hub.judge()
    world.london.announce()
    world.turn(2)
    present = world.london.parcel()
    world.london.start(present)
    world.turn()
    return job, lost, present


@pytest.mark.parametrize("compared", [True, False])
def test_a_zombie_wins_only_where_attempts_are_not_compared(
    world: World, compared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same reports, heard by a hub that looks at the attempt, and by one that does not."""

    def blind(task: Task | None, site: str, node: str, item: Item) -> str | None:
        return take(task, site, node, msgspec.structs.replace(item, attempt=task.attempt) if task else item)

    if not compared:
        monkeypatch.setattr("orchestrator.services.collect.take", blind)
    job, lost, _ = _zombie(world)
    world.london.report(Ended(lost.tasks[0].task, lost.tasks[0].attempt, 0.1, processed=2))
    world.turn()
    assert world.state(job) == ("Started" if compared else "Success")


def _changes(tx: Connection, order: TaskOrder) -> None:
    change_tasks(tx, [TaskChange(order.task, order.attempt, TaskState.STARTED, TaskState.SUCCESS, 2)])


def _ends_well(tx: Connection, order: TaskOrder) -> None:
    end_well(tx, [EndedWell(order.task, order.attempt, "somebody", 0.1)], [])


@pytest.mark.parametrize("which", ["lost", "present"])
@pytest.mark.parametrize("write", [_changes, _ends_well])
def test_a_write_lands_under_the_present_attempt_alone(
    world: World, which: str, write: Callable[[Connection, TaskOrder], None]
) -> None:
    """The fence in the statement itself: who takes the attempt out of it hears of it here."""
    _, lost, present = _zombie(world)
    with world.engine.connect() as connection, connection.begin() as tx:
        if which == "lost":
            with pytest.raises(GuardFailed):
                write(connection, lost.tasks[0])
        else:
            write(connection, present.tasks[0])
        tx.rollback()
