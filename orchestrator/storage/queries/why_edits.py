"""Why edit jobs do not move: whose turn it is, what runs, and what broke."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, text

from orchestrator.contracts.views import Cause
from orchestrator.domain.edit_job import EditState
from orchestrator.domain.edit_steps import STEPS, Stage

_EDIT = text("""
    select e.stage, e.step_job_id, e.merged, e.mode, j.reason, j.assignee, j.assigned_group, j.claimed_by,
      e.go_on_at > clock_timestamp() as later,
      (select min(c.id) from jobs c where c.parent_id = j.id and c.kind <> 'batch' and c.ended_at is null) as child,
      (select min(s.id) from jobs s where s.parent_id = j.id and s.kind = 'batch' and s.ended_at is null
        and s.id is distinct from e.step_job_id) as stopping
    from jobs j join edit_jobs e on e.job_id = j.id where j.id = :job
""")


def edit_causes(tx: Connection, job: Row[Any]) -> Iterator[Cause]:
    """The causes that are an edit job's, or those of a job that one waits for."""
    row = tx.execute(_EDIT, {"job": job.id}).one()
    broke = f"; {row.reason}" if row.reason else ""
    match job.state:
        case EditState.PROPOSED:
            frees = f"a planner: orchestrator do {job.id} allocate"
            yield Cause(cause="waits_for_planner", detail=f"it is proposed, and not allocated{broke}", frees=frees)
        case EditState.ALLOCATED:
            whom = row.assignee or (row.assigned_group and f"the group {row.assigned_group}") or "any reviewer"
            frees = f"somebody who begins it: orchestrator do {job.id} activate"
            yield Cause(cause="waits_for_people", detail=f"it waits for {whom}{broke}", frees=frees)
        case EditState.PREPARED | EditState.DOWNLOADED:
            yield _at_work(job, row, broke)
        case EditState.INVALID | EditState.QUARANTINED | EditState.CONFLICTED:
            frees = f"job {row.child}: orchestrator why {row.child}; or a planner: orchestrator do {job.id} recalled"
            yield Cause(cause="waits_for_job", detail=f"it is {job.state}, and waits for job {row.child}", frees=frees)
        case EditState.FAILED:
            frees = f"an admin, once it is mended: orchestrator do {job.id} step-resumed"
            frees += "" if row.merged else f"; or a planner: orchestrator do {job.id} retry"
            yield Cause(cause="step_broke", detail=row.reason or "a step broke", frees=frees)
        case _:
            yield _its_step(job, row, broke)


def _at_work(job: Row[Any], row: Row[Any], broke: str) -> Cause:
    event = "upload" if row.mode != "read_only" else "close"
    event = "download" if job.state == EditState.PREPARED else "review-approved" if job.kind == "review" else event
    detail = f"{row.claimed_by} has it since {job.started_at:%Y-%m-%d %H:%M:%S UTC}{broke}"
    return Cause(cause="at_work", detail=detail, frees=f"{row.claimed_by}: orchestrator do {job.id} {event}")


def _its_step(job: Row[Any], row: Row[Any], broke: str) -> Cause:
    if row.step_job_id is not None:
        detail = f"its step {STEPS[Stage(row.stage)]} runs as job {row.step_job_id}"
        run = row.step_job_id
        return Cause(cause="runs", detail=detail, frees=f"the end of job {run}: orchestrator why {run}")
    if row.stopping is not None:
        detail = f"job {row.stopping}, a step of it that no longer counts, is being stopped"
        return Cause(cause="stopping", detail=detail, frees=f"the end of job {row.stopping}")
    if row.later:
        return Cause(cause="retry", detail=f"its step is tried again after a while{broke}", frees="time")
    return Cause(cause="goes_on", detail=f"it is {row.stage or job.state}: the hub is about to go on", frees="the hub")
