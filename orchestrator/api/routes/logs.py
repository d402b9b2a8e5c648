"""What tasks have logged: one task's lines, or those of all tasks of a job."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from orchestrator.api.requires import Db, PageQuery, needs
from orchestrator.api.routes.jobs import KnownJob
from orchestrator.api.routes.tasks import KnownTask
from orchestrator.contracts import views
from orchestrator.domain.roles import Permission
from orchestrator.storage.queries.logs import list_log, of_job, of_task
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["jobs"])
_READ = [needs(Permission.READ)]


class LogQuery(PageQuery):
    """Which lines."""

    level: views.Level = Field(views.Level.DEBUG, description="this one, and those that matter more")
    after: int = Field(0, ge=0, le=2**63 - 1, description="only lines with a greater id: for following a log")


@router.get("/tasks/{task_id}/log", dependencies=_READ, summary="What a task has logged")
def read_task_log(task_id: KnownTask, engine: Db, query: Annotated[LogQuery, Query()]) -> views.Page[views.LogLine]:
    """In the order in which it came; each attempt has its own lines, at most 64 KiB."""
    with snapshot(engine) as tx:
        return list_log(tx, of_task(task_id), query.limit, query.cursor, after=query.after, level=query.level)


@router.get("/jobs/{job_id}/log", dependencies=_READ, summary="What a job's tasks have logged")
def read_job_log(job_id: KnownJob, engine: Db, query: Annotated[LogQuery, Query()]) -> views.Page[views.LogLine]:
    """In the order in which it came."""
    with snapshot(engine) as tx:
        return list_log(tx, of_job(job_id), query.limit, query.cursor, after=query.after, level=query.level)
