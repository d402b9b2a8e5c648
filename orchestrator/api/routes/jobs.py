"""Jobs, as they are read: the list, one, and what belongs to it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field

from orchestrator.api.requires import Db, Id, NoQuery, PageQuery, Who, needs
from orchestrator.contracts import views
from orchestrator.contracts.moment import Moment
from orchestrator.contracts.state import State
from orchestrator.domain.chain import MAX_STEPS
from orchestrator.domain.kinds import Kind
from orchestrator.domain.roles import Permission
from orchestrator.domain.task import TaskState
from orchestrator.storage.queries import jobs, paths, tasks, why
from orchestrator.storage.queries.forecast import read_forecast
from orchestrator.storage.queries.job_filter import JobFilter
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["jobs"])
_READ = [needs(Permission.READ)]
_Several = Field(default_factory=list[str], max_length=100)


def _known_job(job_id: Annotated[int, Path(ge=1, le=2**63 - 1, description="the job's id")], engine: Db) -> int:
    # By itself, so that an unknown job is 404 also where the rest of the request is wrong.
    with snapshot(engine) as tx:
        jobs.known_job(tx, job_id)
    return job_id


KnownJob = Annotated[int, Depends(_known_job)]


class JobsQuery(PageQuery):
    """Which jobs: those that match one value of every filter that has any."""

    id: list[Id] = Field(default_factory=list[int], max_length=100)
    state: list[State] = Field(default_factory=list[str], max_length=100)
    workflow: list[str] = _Several
    site: list[str] = _Several
    owner: list[str] = _Several
    kind: list[Kind] = Field(default_factory=list[Kind], max_length=100)
    parent: Id | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    archived: bool = Field(False, description="also those that are archived; these are found by state or parent, too")


class TasksQuery(PageQuery):
    """Which tasks of the job."""

    state: list[TaskState] = Field(default_factory=list[TaskState], max_length=100)
    step: list[Annotated[int, Field(ge=0, lt=MAX_STEPS)]] = Field(default_factory=list[int], max_length=MAX_STEPS)
    site: list[str] = _Several


class PathsQuery(PageQuery):
    """Which paths of the job."""

    outcome: list[views.Outcome] = Field(default_factory=list[views.Outcome], max_length=100)


@router.get("/jobs", dependencies=_READ, summary="List jobs, the newest first")
def list_jobs(engine: Db, who: Who, query: Annotated[JobsQuery, Query()]) -> views.Page[views.Job]:
    """Filters that are given several times match any of their values."""
    wanted = JobFilter(**query.model_dump(exclude={"limit", "cursor"}))
    with snapshot(engine) as tx:
        return jobs.list_jobs(tx, wanted, query.limit, query.cursor, who.person)


@router.get("/jobs/{job_id}", dependencies=_READ, summary="One job")
def read_job(job_id: KnownJob, engine: Db, who: Who, _query: NoQuery) -> views.Job:
    """State, plan, counters and progress, all as of one moment."""
    with snapshot(engine) as tx:
        return jobs.read_job(tx, job_id, who.person)


@router.get("/jobs/{job_id}/tasks", dependencies=_READ, summary="A job's tasks")
def list_tasks(job_id: KnownJob, engine: Db, query: Annotated[TasksQuery, Query()]) -> views.Page[views.Task]:
    """In the order in which their chains were made."""
    with snapshot(engine) as tx:
        return tasks.list_tasks(
            tx, job_id, query.limit, query.cursor, state=query.state, step=query.step, site=query.site
        )


@router.get("/jobs/{job_id}/paths", dependencies=_READ, summary="What became of a job's paths, one by one")
def list_paths(job_id: KnownJob, engine: Db, query: Annotated[PathsQuery, Query()]) -> views.Page[views.PathOutcome]:
    """Chain by chain; those that have not come to an end yet are left out."""
    with snapshot(engine) as tx:
        return paths.list_paths(tx, job_id, query.limit, query.cursor, outcome=query.outcome)


@router.get("/jobs/{job_id}/forecast", dependencies=_READ, summary="What a dry run has found")
def get_forecast(job_id: KnownJob, engine: Db, _query: NoQuery) -> views.Forecast:
    """What would run where, and how long that would take. 404 of a job that is no dry run."""
    with snapshot(engine) as tx:
        return read_forecast(tx, job_id)


@router.get("/jobs/{job_id}/history", dependencies=_READ, summary="What happened to a job, oldest first")
def list_history(job_id: KnownJob, engine: Db, query: Annotated[PageQuery, Query()]) -> views.Page[views.HistoryEntry]:
    """Of the job itself; its tasks' states are with its tasks."""
    with snapshot(engine) as tx:
        return jobs.read_history(tx, job_id, query.limit, query.cursor)


@router.get("/jobs/{job_id}/why", dependencies=_READ, summary="Why a job does not move")
def why_job(job_id: KnownJob, engine: Db, _query: NoQuery) -> views.Why:
    """Every cause that is known, with what would do away with it."""
    with snapshot(engine) as tx:
        return why.why_job(tx, job_id)
