"""Task groups: their definitions, the tools of a group job, and how long its tasks took."""

import csv
import io
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import AwareDatetime
from sqlalchemy import Connection

from orchestrator.api.bodies import JSON, YAML, RawBody, taking
from orchestrator.api.etags import IfMatch, Tagged
from orchestrator.api.fired import Fired
from orchestrator.api.idempotency import Maker, Once
from orchestrator.api.requires import Db, Id, NoQuery, PageQuery, StrictQuery, Who, needs
from orchestrator.contracts import views
from orchestrator.contracts.task_group import InsertAsked, Said, StatusAsked, TaskGroupDefinition
from orchestrator.domain.kinds import Kind
from orchestrator.domain.roles import Permission
from orchestrator.domain.task_group import GroupEvent
from orchestrator.services.task_groups import define, delete, locked_version, redefine
from orchestrator.storage.queries import task_list
from orchestrator.storage.queries.jobs import read_job
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["task groups"])
_READ = [needs(Permission.READ)]
_PLAN = [needs(Permission.PLAN)]
_WORK = [needs(Permission.WORK)]
_SAID = taking(Said, JSON, required=False)
Name = Annotated[str, Path(max_length=100)]
JobId = Annotated[int, Path(ge=1, le=2**63 - 1, description="the group job's id")]


class DurationsQuery(StrictQuery):
    """Whose durations."""

    task_group: str | None = None
    parent: Id | None = None
    ended_after: AwareDatetime | None = None
    ended_before: AwareDatetime | None = None
    format: Literal["json", "csv"] = "json"


@router.post("/task-groups", dependencies=_PLAN, status_code=201, openapi_extra=taking(TaskGroupDefinition, JSON, YAML))
def define_task_group(engine: Db, who: Who, body: RawBody, once: Once, _query: NoQuery) -> views.TaskGroup:
    """Keep the definition of a task group; a group of users that is named for the first time is made."""
    with engine.begin() as tx:
        return task_list.read_definition(tx, once.make(tx, lambda: define(tx, body.document(), who.user)))


@router.get("/task-groups", dependencies=_READ)
def list_task_groups(engine: Db, query: Annotated[PageQuery, Query()]) -> views.Page[views.TaskGroup]:
    """By name."""
    with snapshot(engine) as tx:
        return task_list.list_definitions(tx, query.limit, query.cursor)


@router.get("/task-groups/{name}", dependencies=_READ)
def read_task_group(name: Name, engine: Db, tagged: Tagged, _query: NoQuery) -> views.TaskGroup:
    """One definition; `ETag` names how it is now."""
    with snapshot(engine) as tx:
        found = task_list.read_definition(tx, name)
    tagged.tell(found.updated_at.isoformat())
    return found


@router.put("/task-groups/{name}", dependencies=_PLAN, openapi_extra=taking(TaskGroupDefinition, JSON, YAML))
def replace_task_group(
    name: Name, engine: Db, who: Who, body: RawBody, if_match: IfMatch, _query: NoQuery
) -> views.TaskGroup:
    """Replace a definition; the lists that are set already stay as they are."""
    with engine.begin() as tx:
        if_match.must_be(locked_version(tx, name).isoformat())
        redefine(tx, name, body.document(), who.user)
        changed = task_list.read_definition(tx, name)
    if_match.tell(changed.updated_at.isoformat())
    return changed


@router.delete("/task-groups/{name}", status_code=204, dependencies=_PLAN)
def delete_task_group(name: Name, engine: Db, who: Who, if_match: IfMatch, _query: NoQuery) -> None:
    """Take a definition away; the lists that are set already stay as they are."""
    with engine.begin() as tx:
        if_match.must_be(locked_version(tx, name).isoformat())
        delete(tx, name, who.user)


@router.get("/jobs/{job_id}/task-list", dependencies=_READ, summary="A group job's tasks")
def read_task_list(job_id: JobId, engine: Db, _query: NoQuery) -> views.TaskList:
    """In order, with whose turn it is."""
    with snapshot(engine) as tx:
        return task_list.read_list(tx, job_id)


@router.post("/jobs/{job_id}/task-list", dependencies=_WORK, openapi_extra=_SAID, summary="Set the task list")
def set_task_list(job_id: JobId, fired: Fired, _query: NoQuery) -> views.TaskList:
    """The tasks of the job's task group become its list; once."""
    return _listed(fired, job_id, GroupEvent.SET_TASK_LIST)


@router.post(
    "/jobs/{job_id}/insert-task-group",
    dependencies=_WORK,
    openapi_extra=taking(InsertAsked, JSON),
    summary="Insert a task group",
)
def insert_task_group(job_id: JobId, fired: Fired, once: Once, _query: NoQuery) -> views.TaskList:
    """Another task group's tasks are to be done as well; also for who is at one of the job's tasks."""
    return _listed(fired, job_id, GroupEvent.INSERT_TASK_GROUP, once)


@router.post("/jobs/{job_id}/next-task", dependencies=_WORK, openapi_extra=_SAID, summary="Set the next task")
def set_next_task(job_id: JobId, fired: Fired, _query: NoQuery) -> views.NextTask:
    """It is the turn of the first task that waits; when none does, the job has ended."""
    return fired.answering(
        job_id, GroupEvent.SET_NEXT_TASK, lambda _, row: views.NextTask(current_task=row), kind=Kind.GROUP
    )


@router.post(
    "/jobs/{job_id}/task-job",
    dependencies=_WORK,
    status_code=201,
    openapi_extra=_SAID,
    summary="Create the job for the current task",
    responses={200: {"model": views.Job, "description": "The job that was created for it before"}},
)
def create_task_job(job_id: JobId, fired: Fired, who: Who, response: Response, _query: NoQuery) -> views.Job:
    """A child job, assigned as the task says. Asked again it is the same job."""

    def answer(tx: Connection, made: tuple[int, bool]) -> views.Job:
        child, created = made
        response.status_code = 201 if created else 200
        return read_job(tx, child, who.person)

    job = fired.answering(job_id, GroupEvent.CREATE_JOB_FOR_TASK, answer, kind=Kind.GROUP)
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return job


@router.post(
    "/jobs/{job_id}/cancel-remaining-tasks",
    dependencies=_WORK,
    openapi_extra=_SAID,
    summary="Cancel the tasks that wait",
)
def cancel_remaining_tasks(job_id: JobId, fired: Fired, _query: NoQuery) -> views.TaskList:
    """They get no job; the task that is under way, and the group job itself, still finish."""
    return _listed(fired, job_id, GroupEvent.CANCEL_REMAINING_TASKS)


@router.post(
    "/jobs/{job_id}/task-status",
    dependencies=_WORK,
    openapi_extra=taking(StatusAsked, JSON),
    summary="Set the status of a task",
)
def set_task_status(
    job_id: Annotated[int, Path(ge=1, le=2**63 - 1, description="the task job's id")], fired: Fired, _query: NoQuery
) -> views.Job:
    """WORKING begins the work, and claims it; COMPLETE ends it."""
    return fired.status(job_id)


@router.get(
    "/reports/durations",
    dependencies=_READ,
    summary="How long tasks took, by stage and by person",
    response_model=views.DurationReport,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def report_durations(engine: Db, query: Annotated[DurationsQuery, Query()]) -> views.DurationReport | Response:
    """Of complete tasks: their count, median and total, in seconds. `format=csv`: a line for each stage and person."""
    with snapshot(engine) as tx:
        report = task_list.read_durations(
            tx, task_group=query.task_group, group=query.parent, after=query.ended_after, before=query.ended_before
        )
    return report if query.format == "json" else Response(_csv(report), media_type="text/csv; charset=utf-8")


def _csv(report: views.DurationReport) -> str:
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(["task_group", "task", "person", "count", "median_s", "total_s"])
    for stage in report.stages:
        lines.writerow([stage.task_group, stage.task, "", stage.count, stage.median_s, stage.total_s])
    for person in report.persons:
        lines.writerow(["", "", person.person, person.count, person.median_s, person.total_s])
    return text.getvalue()


def _listed(fired: Fired, job_id: int, event: GroupEvent, once: Maker | None = None) -> views.TaskList:
    return fired.answering(job_id, event, lambda tx, _: task_list.read_list(tx, job_id), kind=Kind.GROUP, once=once)
