"""Tasks by themselves."""

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Path, Query, Response

from orchestrator.api.bodies import JSON, RawBody, taking
from orchestrator.api.idempotency import Once
from orchestrator.api.requires import AllParts, Db, NoQuery, PageQuery, Who, needs
from orchestrator.broker.wake import wake
from orchestrator.contracts import views
from orchestrator.contracts.answer import AnswerAsked
from orchestrator.contracts.control import Asked
from orchestrator.domain.roles import Permission
from orchestrator.services.redrive import retry
from orchestrator.services.task_events import fire_at_task
from orchestrator.storage.queries import asked, tasks, why
from orchestrator.storage.queries.jobs import read_job
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
def read_task(task_id: TaskId, engine: Db, who: Who, _query: NoQuery) -> views.ManualTask:
    """One step of a chain over one batch of paths; `asked` says who is to decide, where people are."""
    with snapshot(engine) as tx:
        return asked.read_manual_task(tx, task_id, who.person)


@router.get("/tasks/{task_id}/paths", dependencies=[needs(Permission.READ)], summary="A task's paths")
def list_task_paths(task_id: TaskId, engine: Db, query: Annotated[PageQuery, Query()]) -> views.Page[views.TaskPath]:
    """Those that it was given, and what has become of each."""
    with snapshot(engine) as tx:
        return asked.list_task_paths(tx, task_id, query.limit, query.cursor)


@router.get("/tasks/{task_id}/history", dependencies=[needs(Permission.READ)], summary="What people did with a task")
def list_task_history(task_id: TaskId, engine: Db, query: Annotated[PageQuery, Query()]) -> views.Page[views.TaskEvent]:
    """Oldest first."""
    with snapshot(engine) as tx:
        return asked.list_task_history(tx, task_id, query.limit, query.cursor)


@router.post(
    "/tasks/{task_id}/actions/{event}",
    dependencies=[needs(Permission.WORK)],
    openapi_extra=taking(AnswerAsked, JSON, required=False),
    summary="Do a task of a manual step",
)
def fire_at(
    task_id: TaskId,
    event: Annotated[str, Path(max_length=100, description="claim, accept, reject or give-back")],
    parts: AllParts,
    who: Who,
    body: RawBody,
    background: BackgroundTasks,
    _query: NoQuery,
) -> views.ManualTask:
    """Claim it, accept or reject all of its paths or some, or give it back.

    One person has it at a time: 409 for all others. What is accepted or rejected unclaimed is claimed by that.
    """
    with parts.engine.begin() as tx:
        fire_at_task(tx, task_id, event, who, lambda model: body.model(model, "this can not be said to a task"))
        told = asked.read_manual_task(tx, task_id, who.person)
    background.add_task(wake, parts.redis_url)
    return told


@router.post(
    "/tasks/{task_id}/retry",
    status_code=201,
    dependencies=[needs(Permission.CONTROL)],
    openapi_extra=taking(Asked, JSON, required=False),
    summary="Try a single task again",
)
def retry_task(
    task_id: KnownTask,
    parts: AllParts,
    who: Who,
    body: RawBody,
    once: Once,
    response: Response,
    background: BackgroundTasks,
    _query: NoQuery,
) -> views.Job:
    """A new job, linked to the task's, with only what stopped in this task, from its step on; once its job has ended.

    The task itself stays as it ended. 409 when nothing of it is left: it ended well, or was taken over already.
    """
    with parts.engine.begin() as tx:
        job = read_job(tx, tasks.read_task(tx, task_id).job_id)
        who.must_reach(job.site, job.workflow)
        asked = body.model(Asked, "the task can not be tried again like that")
        job = read_job(tx, once.make(tx, lambda: retry(tx, task_id, asked, who.user)), who.person)
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    background.add_task(wake, parts.redis_url)
    return job


@router.get("/tasks/{task_id}/why", dependencies=[needs(Permission.READ)], summary="Why a task does not move")
def why_task(task_id: TaskId, engine: Db, _query: NoQuery) -> views.Why:
    """Every cause that is known, the nearest first, with what would do away with it."""
    with snapshot(engine) as tx:
        return why.why_task(tx, task_id)
