"""Submitting jobs."""

from fastapi import APIRouter, BackgroundTasks, Response

from orchestrator.api.bodies import JSON, RawBody, taking_one_of
from orchestrator.api.idempotency import Key
from orchestrator.api.requires import AllParts, NoQuery, Who, needs
from orchestrator.api.submitter import submitted
from orchestrator.broker.wake import wake
from orchestrator.contracts.edit_job import EditJobAsked
from orchestrator.contracts.submission import Submission
from orchestrator.contracts.task_group import GroupJobAsked
from orchestrator.contracts.views import Job
from orchestrator.domain.roles import Permission

router = APIRouter(tags=["jobs"])


@router.post(
    "/jobs",
    status_code=201,
    dependencies=[needs(Permission.SUBMIT)],
    openapi_extra=taking_one_of([Submission, GroupJobAsked, EditJobAsked], JSON),
    responses={200: {"model": Job, "description": "The job that this Idempotency-Key has made before"}},
)
def submit_job(
    parts: AllParts,
    who: Who,
    body: RawBody,
    response: Response,
    background: BackgroundTasks,
    _query: NoQuery,
    idempotency_key: Key = None,
) -> Job:
    """Start a job: a workflow over paths at a site, a task group, or an edit job of a type.

    Everything is checked before anything starts.
    """
    job, created = submitted(parts, who, body.json(), idempotency_key)
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    background.add_task(wake, parts.redis_url)
    return job
