"""Submitting jobs."""

from typing import Annotated, cast

from fastapi import APIRouter, BackgroundTasks, Header, Response

from orchestrator.api.bodies import JSON, RawBody, taking_one_of
from orchestrator.api.requires import AllParts, NoQuery, Who, needs
from orchestrator.broker.wake import wake
from orchestrator.contracts.edit_job import EditJobAsked
from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.submission import Submission
from orchestrator.contracts.task_group import GroupJobAsked
from orchestrator.contracts.views import Job
from orchestrator.domain.roles import Permission
from orchestrator.services.start_edit import start_edit
from orchestrator.services.start_group import start_group
from orchestrator.services.submit import submit
from orchestrator.storage.queries.jobs import read_job

router = APIRouter(tags=["jobs"])

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="sent again with the same body: the same job, and no other",
    ),
]


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
    request: object = body.json()
    who.must_reach(_said(request, "site"), _said(request, "workflow"))
    make = submit
    if _names(request, "task_group"):
        who.must(Permission.PLAN)
        make = start_group
    elif _names(request, "job_type"):
        who.must(Permission.PLAN)
        make = start_edit
    with parts.engine.begin() as tx:
        submitted = make(tx, request, who.user, idempotency_key)
        job = read_job(tx, submitted.job_id, who.person)
        failpoint("api.submit.uncommitted")
    failpoint("api.submit.committed")
    response.status_code = 201 if submitted.created else 200
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    background.add_task(wake, parts.redis_url)
    return job


def _names(request: object, key: str) -> bool:
    return isinstance(request, dict) and key in request


def _said(request: object, key: str) -> object:
    """What it says of this, before it is checked; None when it does not."""
    return cast(dict[str, object], request).get(key) if isinstance(request, dict) else None
