"""Pausing, resuming and cancelling jobs."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Response
from fastapi import Path as InPath
from sqlalchemy import Connection

from orchestrator.api.bodies import JSON, RawBody, taking
from orchestrator.api.requires import AllParts, NoQuery, Parts, Who, needs
from orchestrator.broker.connection import shared
from orchestrator.broker.permits import Permits
from orchestrator.broker.wake import wake
from orchestrator.contracts.control import Asked, CancelAsked
from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.redrive import RedriveAsked
from orchestrator.contracts.views import Job
from orchestrator.domain.roles import Permission
from orchestrator.errors import Unreachable
from orchestrator.services.control import GRACE_S, Locked, Wish, cancel, locked, pause, resume
from orchestrator.services.redrive import redrive, sources
from orchestrator.storage.queries.jobs import read_job

router = APIRouter(tags=["jobs"], dependencies=[needs(Permission.CONTROL)])
JobId = Annotated[int, InPath(ge=1, le=2**63 - 1, description="the job's id")]
_REFUSAL = "this can not be asked for like that"


@router.post("/jobs/{job_id}/pause", status_code=202, openapi_extra=taking(Asked, JSON, required=False))
def pause_job(
    job_id: JobId, parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks, _query: NoQuery
) -> Job:
    """Hand out nothing more, and finish what runs: Pausing, then Paused. Asking again changes nothing."""
    permits = _permits(parts)

    def do(tx: Connection, job: Locked) -> None:
        pause(tx, job, who.user, body.model(Asked, _REFUSAL).reason, permits.revoke)

    return _controlled(parts, job_id, Wish.PAUSE, do, background)


@router.post("/jobs/{job_id}/resume", status_code=202, openapi_extra=taking(Asked, JSON, required=False))
def resume_job(
    job_id: JobId, parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks, _query: NoQuery
) -> Job:
    """Go on where a paused job was. Asking again changes nothing."""

    def do(tx: Connection, job: Locked) -> None:
        resume(tx, job, who.user, body.model(Asked, _REFUSAL).reason)

    return _controlled(parts, job_id, Wish.RESUME, do, background)


@router.post("/jobs/{job_id}/cancel", status_code=202, openapi_extra=taking(CancelAsked, JSON, required=False))
def cancel_job(
    job_id: JobId, parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks, _query: NoQuery
) -> Job:
    """Take a job out of the queues and stop what runs: Dequeuing, then Cancelled. Asking again changes nothing."""
    permits = _permits(parts)

    def do(tx: Connection, job: Locked) -> None:
        said = body.model(CancelAsked, _REFUSAL)
        cancel(tx, job, who.user, said.reason, permits.revoke, grace_s=0.0 if said.force else GRACE_S)

    return _controlled(parts, job_id, Wish.CANCEL, do, background)


@router.post("/jobs/{job_id}/redrive", status_code=201, openapi_extra=taking(RedriveAsked, JSON, required=False))
def redrive_job(
    job_id: JobId,
    parts: AllParts,
    who: Who,
    body: RawBody,
    response: Response,
    background: BackgroundTasks,
    _query: NoQuery,
) -> Job:
    """A new job, linked to this one, with only what did not succeed, each path from the step at which it stopped.

    What earlier redrives of it left without a good end is taken over as well; what they took over is not done twice.
    """
    with parts.engine.begin() as tx:
        left_by = sources(tx, job_id)
        job = read_job(tx, redrive(tx, job_id, left_by, body.model(RedriveAsked, _REFUSAL), who.user))
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    background.add_task(wake, parts.redis_url)
    return job


def _controlled(
    parts: Parts, job_id: int, wish: Wish, do: Callable[[Connection, Locked], None], background: BackgroundTasks
) -> Job:
    """Do it while the job is locked, answer with the job as it then is, and wake the hub.

    The body is read in there, after the job's state has been looked at: 409 comes before 422.
    """
    with parts.engine.begin() as tx:
        do(tx, locked(tx, job_id, wish))
        job = read_job(tx, job_id)
        failpoint("api.control.uncommitted")
    failpoint("api.control.committed")
    background.add_task(wake, parts.redis_url)
    return job


def _permits(parts: Parts) -> Permits:
    if parts.redis_url is None:
        raise Unreachable("the API was given no broker: what is queued could not be taken back")
    return Permits(shared(parts.redis_url))
