"""Tasks by themselves."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from orchestrator.api.requires import Db, NoQuery, needs
from orchestrator.contracts import views
from orchestrator.domain.roles import Permission
from orchestrator.storage.queries import tasks, why
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["jobs"])


TaskId = Annotated[int, Path(ge=1, le=2**63 - 1, description="the task's id")]


def _known_task(task_id: TaskId, engine: Db) -> int:
    # By itself, so that an unknown task is 404 also where the rest of the request is wrong.
    with snapshot(engine) as tx:
        tasks.read_task(tx, task_id)
    return task_id


KnownTask = Annotated[int, Depends(_known_task)]


@router.get("/tasks/{task_id}", dependencies=[needs(Permission.READ)], summary="One task")
def read_task(task_id: TaskId, engine: Db, _query: NoQuery) -> views.Task:
    """One step of a chain over one batch of paths."""
    with snapshot(engine) as tx:
        return tasks.read_task(tx, task_id)


@router.get("/tasks/{task_id}/why", dependencies=[needs(Permission.READ)], summary="Why a task does not move")
def why_task(task_id: TaskId, engine: Db, _query: NoQuery) -> views.Why:
    """Every cause that is known, the nearest first, with what would do away with it."""
    with snapshot(engine) as tx:
        return why.why_task(tx, task_id)
