"""The jobs that an edit job waits for: made, and ended with the wait; and what their end is for the edit job."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Row, insert

from orchestrator.domain.edit_job import EditEvent, EditState
from orchestrator.domain.edit_steps import Stage
from orchestrator.domain.kinds import MACHINES, Kind
from orchestrator.errors import IllegalTransition, Unreachable
from orchestrator.services.control import Revoke, Wish, cancel, locked
from orchestrator.services.hold import release_ended
from orchestrator.services.job_types import version_of
from orchestrator.storage.edit_rows import add_edit, change, children, read_edit
from orchestrator.storage.history import record
from orchestrator.storage.tables import jobs

_E = EditEvent
Failures = Sequence[Mapping[str, Any]]
"""What is wrong: ``path`` (null where it is no matter of one), ``message``, and which ``step`` of the chain said so."""
_NAMES = {Kind.CORRECTION: "correct", Kind.REVIEW: "review", Kind.CONFLICT: "resolve"}


def make_child(tx: Connection, parent: Row[Any], kind: Kind, failures: Failures, actor: str) -> int:
    """Make a job that the edit job waits for; its id. Rework is for the worker who has it, a review for reviewers."""
    review = kind is Kind.REVIEW
    event, state = MACHINES[kind].start
    row = insert(jobs).values(
        kind=kind,
        parent_id=parent.id,
        name=f"{_NAMES[kind]} {parent.name}",
        owner=parent.owner,
        state=state,
        priority=parent.priority,
        due_at=parent.due_at,
        extent=parent.extent,
        attributes=parent.attributes,
        assignee=None if review else parent.claimed_by,
        assigned_group=version_of(tx, parent).reviewers if review else parent.assigned_group,
    )
    job: int = tx.execute(row.returning(jobs.c.id)).scalar_one()
    own = {name: getattr(parent, name) for name in ("job_type", "job_type_version", "mode")}
    add_edit(tx, job, event, state, actor, {**own, "quarantine": False, "failures": list(failures)})
    record(tx, parent.id, "ChildCreated", actor=actor, reason=f"{kind}: job {job}")
    return job


def tell_parent(
    tx: Connection,
    child: Row[Any],
    event: EditEvent,
    actor: str,
    *,
    said: str | None = None,
    comment: str | None = None,
) -> None:
    """What the end of a child is for the edit job that waits for it."""
    parent = read_edit(tx, child.parent_id)
    reason = f"job {child.id}" + (f": {said}" if said else "")
    match event:
        case _E.CORRECTED:
            change(tx, parent, event, actor, stage=Stage.VALIDATING, reason=reason, approved=False)
        case _E.RESOLVED:
            change(tx, parent, event, actor, stage=Stage.VALIDATING, reason=reason)
        case _E.REVIEW_APPROVED:
            change(tx, parent, event, actor, stage=Stage.RECONCILING, reason=reason, comment=comment, approved=True)
        case _E.CORRECTIONS_REQUIRED:
            change(tx, parent, event, actor, reason=reason, comment=comment)
            wanted = comment or said or "the reviewer asks for corrections"
            make_child(tx, parent, Kind.CORRECTION, [{"path": None, "message": wanted}], actor)
        case _:
            change(tx, parent, event, actor, reason=reason, comment=comment)


def end_children(tx: Connection, parent: int, actor: str, reason: str, revoke: Revoke | None) -> None:
    """End the children that have not: nobody waits for them any more. ``revoke`` stops what runs for them."""
    for child in children(tx, parent):
        if child.ended_at is None:
            stop_step(tx, child, actor, reason, revoke)
            change(tx, child, _E.PARENT_ENDED, actor, reason=reason, discard=True)
            release_ended(tx, [child.id])


def archive_children(tx: Connection, parent: int, actor: str) -> None:
    """Archive them with the edit job whose they are."""
    for child in children(tx, parent):
        if child.state != EditState.ARCHIVED:
            change(tx, child, _E.PARENT_ARCHIVED, actor, discard=child.discard)


def stop_step(tx: Connection, job: Row[Any], actor: str, reason: str, revoke: Revoke | None) -> None:
    """Cancel the run of the step that the job is at, if there is one; its ending no longer counts."""
    if job.step_job_id is None:
        return
    if revoke is None:
        raise Unreachable("the API was given no broker: the step that runs could not be stopped")
    with suppress(IllegalTransition):  # it has just ended
        run = locked(tx, job.step_job_id, Wish.CANCEL)
        cancel(tx, run, actor, f"job {job.id}, whose step it is: {reason}", revoke)
