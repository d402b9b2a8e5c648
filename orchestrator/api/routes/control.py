"""Pausing, resuming and cancelling jobs, redriving them, and firing any other event at them."""

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Response
from fastapi import Path as InPath

from orchestrator.api.bodies import JSON, RawBody, taking
from orchestrator.api.fired import Fired
from orchestrator.api.idempotency import Once
from orchestrator.api.requires import AllParts, NoQuery, Who, needs
from orchestrator.broker.wake import wake
from orchestrator.contracts.change import JobChange
from orchestrator.contracts.control import ActionAsked, Asked, CancelAsked
from orchestrator.contracts.edit_job import ArchiveAsked
from orchestrator.contracts.redrive import RedriveAsked
from orchestrator.contracts.views import Archived, Job
from orchestrator.domain.roles import Permission
from orchestrator.services.archive import archive_many
from orchestrator.services.delete import delete
from orchestrator.services.edit import change
from orchestrator.services.redrive import redrive, sources
from orchestrator.storage.queries.jobs import read_job

router = APIRouter(tags=["jobs"])
_CONTROLS = [needs(Permission.CONTROL)]
JobId = Annotated[int, InPath(ge=1, le=2**63 - 1, description="the job's id")]
_REFUSAL = "this can not be asked for like that"


@router.post(
    "/jobs/{job_id}/pause", status_code=202, dependencies=_CONTROLS, openapi_extra=taking(Asked, JSON, required=False)
)
def pause_job(fired: Fired, job_id: JobId, _query: NoQuery) -> Job:
    """Hand out nothing more, and finish what runs: Pausing, then Paused. Asking again changes nothing."""
    return fired.at(job_id, "PauseRequested")


@router.post(
    "/jobs/{job_id}/resume", status_code=202, dependencies=_CONTROLS, openapi_extra=taking(Asked, JSON, required=False)
)
def resume_job(fired: Fired, job_id: JobId, _query: NoQuery) -> Job:
    """Go on where a paused job was. Asking again changes nothing."""
    return fired.at(job_id, "Resumed")


@router.post(
    "/jobs/{job_id}/cancel",
    status_code=202,
    dependencies=_CONTROLS,
    openapi_extra=taking(CancelAsked, JSON, required=False),
)
def cancel_job(fired: Fired, job_id: JobId, _query: NoQuery) -> Job:
    """Take a job out of the queues and stop what runs: Dequeuing, then Cancelled. Asking again changes nothing."""
    return fired.at(job_id, "CancelRequested")


@router.post(
    "/jobs/{job_id}/redrive",
    status_code=201,
    dependencies=_CONTROLS,
    openapi_extra=taking(RedriveAsked, JSON, required=False),
)
def redrive_job(
    job_id: JobId,
    parts: AllParts,
    who: Who,
    body: RawBody,
    once: Once,
    response: Response,
    background: BackgroundTasks,
    _query: NoQuery,
) -> Job:
    """A new job, linked to this one, with only what did not succeed, each path from the step at which it stopped.

    What earlier redrives of it left without a good end is taken over as well; what they took over is not done twice.
    """
    with parts.engine.begin() as tx:
        job = read_job(tx, job_id)
        who.must_reach(job.site, job.workflow)

        def make() -> int:
            left_by = sources(tx, job_id)
            return redrive(tx, job_id, left_by, body.model(RedriveAsked, _REFUSAL), who.user)

        job = read_job(tx, once.make(tx, make), who.person)
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    background.add_task(wake, parts.redis_url)
    return job


@router.post(
    "/jobs/{job_id}/actions/{event}",
    dependencies=[needs(Permission.WORK)],
    openapi_extra=taking(ActionAsked, JSON, required=False),
)
def fire_event(
    fired: Fired, job_id: JobId, event: Annotated[str, InPath(max_length=100, examples=["give-up"])], _query: NoQuery
) -> Job:
    """Fire an event at a job of any kind: one of its `legal_events`, spelled so or in kebab case.

    What may be said depends on the event. 403: it is not for you, in no state; 409: not in this one.
    """
    return fired.at(job_id, event)


@router.patch("/jobs/{job_id}", dependencies=_CONTROLS, openapi_extra=taking(JobChange, JSON))
def change_job(
    job_id: JobId, parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks, _query: NoQuery
) -> Job:
    """Change what is known of a job that has not ended; what is left out stays, and null takes away.

    Whose a task is can be changed while nobody works on it, what a job depends on until it has begun. Of an edit job
    that is not Proposed any more: its dates, its priority, and while nobody has it for whom of its group it is.
    """
    with parts.engine.begin() as tx:
        change(tx, job_id, who, lambda: body.model(JobChange, "the job can not be changed like that"))
        job = read_job(tx, job_id, who.person)
    background.add_task(wake, parts.redis_url)
    return job


@router.delete("/jobs/{job_id}", dependencies=_CONTROLS, status_code=204, summary="Delete a job")
def delete_job(job_id: JobId, parts: AllParts, who: Who, _query: NoQuery) -> None:
    """Only an edit job that is Proposed can be deleted; all else is cancelled or abandoned, and kept as records are."""
    with parts.engine.begin() as tx:
        delete(tx, job_id, who)


@router.post("/jobs/archive", dependencies=[needs(Permission.PLAN)], openapi_extra=taking(ArchiveAsked, JSON))
def archive_jobs(parts: AllParts, who: Who, body: RawBody, _query: NoQuery) -> Archived:
    """Archive edit jobs that have ended: those named, or those that ended before a moment, at most 1,000 at once."""
    with parts.engine.begin() as tx:
        return archive_many(tx, body.model(ArchiveAsked, _REFUSAL), who)
