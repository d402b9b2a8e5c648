"""What people do with an edit job: allocate, activate, download, upload; and what planners and admins do about it."""

from typing import Any

from sqlalchemy import Connection, Row

from orchestrator.contracts.edit_job import Reasoned, UploadSaid, Whose
from orchestrator.contracts.task_group import Said
from orchestrator.domain.edit_job import EditEvent, EditState
from orchestrator.domain.edit_steps import Stage
from orchestrator.errors import Fault, Invalid
from orchestrator.services.fire import Action, Actions, Firing
from orchestrator.services.hold import release_ended
from orchestrator.services.rework import archive_children, end_children, stop_step
from orchestrator.services.users import ensure_groups, known_users
from orchestrator.storage.edit_rows import NO_CLAIM, change, read_edit, set_edit

_E = EditEvent


def _move(firing: Firing, said: Said, **more: Any) -> EditState:
    job = read_edit(firing.tx, firing.job.id)
    return change(firing.tx, job, _E(firing.event), firing.actor, reason=said.reason, comment=said.comment, **more)


def must_be_somebody(tx: Connection, whose: Whose, refusal: str) -> None:
    """Invalid for an assignee who is not there; a group that is named for the first time is made."""
    if whose.assignee is not None:
        known_users(tx, {"$.assignee": whose.assignee}, refusal)
    if whose.group is not None:
        ensure_groups(tx, [whose.group])


def _allocate(firing: Firing, said: Whose) -> None:
    """Put it into the worklist of whom it is for."""
    refusal = "the job can not be allocated like that"
    must_be_somebody(firing.tx, said, refusal)
    if said.assignee is not None or said.group is not None:
        set_edit(firing.tx, firing.job.id, assignee=said.assignee, assigned_group=said.group)
    elif firing.job.assignee is None and firing.job.assigned_group is None:
        raise Invalid(refusal, [Fault("$", "needs assignee or group: so far the job is nobody's")])
    _move(firing, said)


def activate(firing: Firing, said: Said) -> None:
    """Claim it; its data is extracted."""
    _move(firing, said, stage=Stage.EXTRACTING, claimed_by=firing.actor)


def download(firing: Firing, said: Said) -> None:
    """It is with its worker from now on."""
    _move(firing, said)


def upload(firing: Firing, said: UploadSaid) -> None:
    """The edits that came last are to be checked, and merged."""
    spent = said.time_spent or 0.0
    job = read_edit(firing.tx, firing.job.id)
    more = {"approved": False, "time_spent_s": job.time_spent_s + spent}
    _move(firing, said, stage=Stage.VALIDATING, **more)


def relinquish(firing: Firing, said: Said) -> None:
    """Let others have it: what was extracted, and edited, is discarded."""
    stop_step(firing.tx, read_edit(firing.tx, firing.job.id), firing.actor, "it is relinquished", firing.revoke)
    _move(firing, said, **NO_CLAIM)


def _end(firing: Firing, said: Said) -> None:
    """It is done with: closed, or abandoned."""
    _move(firing, said, discard=True)
    release_ended(firing.tx, [firing.job.id])


def _revoke(firing: Firing, said: Reasoned) -> None:
    """Take it back; what its worker has can no longer be uploaded."""
    _move(firing, said, **NO_CLAIM)


def _retry(firing: Firing, said: Said) -> None:
    """A fresh start."""
    _move(firing, said, **NO_CLAIM)


def _recall(firing: Firing, said: Said) -> None:
    """Let its worker go on from the edits, whatever it waits for."""
    end_children(firing.tx, firing.job.id, firing.actor, f"job {firing.job.id} is recalled", firing.revoke)
    _move(firing, said)


def _resume(firing: Firing, said: Said) -> None:
    """Run the step that broke once more."""
    job = read_edit(firing.tx, firing.job.id)
    event = _E.STEP_RESUMED if job.stage == Stage.COMMITTING else _E.STEP_RESUMED_COMMITTED
    stage = Stage(job.stage)
    change(firing.tx, job, event, firing.actor, stage=stage, reason=said.reason, comment=said.comment)


def _archive(firing: Firing, said: Said) -> None:
    archive(firing.tx, read_edit(firing.tx, firing.job.id), firing.actor, said)


def archive(tx: Connection, job: Row[Any], actor: str, said: Said) -> None:
    """Archive an edit job that has ended, with the jobs that it waited for."""
    change(tx, job, _E.ARCHIVE, actor, reason=said.reason, comment=said.comment, discard=job.discard)
    archive_children(tx, job.id, actor)


OF_WORKERS: Actions = {
    _E.ACTIVATE: Action(Said, activate),
    _E.DOWNLOAD: Action(Said, download),
    _E.RELINQUISH: Action(Said, relinquish),
}
"""What is the same for every job that somebody has to see to."""
ACTIONS: Actions = {
    **OF_WORKERS,
    _E.ALLOCATE: Action(Whose, _allocate),
    _E.UPLOAD: Action(UploadSaid, upload),
    _E.CLOSE: Action(Said, _end),
    _E.REVOKE: Action(Reasoned, _revoke),
    _E.ABANDON: Action(Said, _end),
    _E.RETRY: Action(Said, _retry),
    _E.RECALLED: Action(Said, _recall),
    _E.STEP_RESUMED: Action(Said, _resume),
    _E.STEP_RESUMED_COMMITTED: Action(Said, _resume),
    _E.ARCHIVE: Action(Said, _archive),
}
