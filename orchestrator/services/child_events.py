"""What people do with the jobs that an edit job waits for: corrections, conflicts, reviews."""

from orchestrator.contracts.edit_job import UploadSaid
from orchestrator.contracts.task_group import Said
from orchestrator.domain.edit_job import EditEvent
from orchestrator.domain.people import kebab
from orchestrator.services.edit_events import OF_WORKERS, upload
from orchestrator.services.fire import Action, Actions, Firing
from orchestrator.services.hold import release_ended
from orchestrator.services.rework import tell_parent
from orchestrator.storage.edit_rows import change, read_edit

_E = EditEvent


def _decide(firing: Firing, said: Said) -> None:
    """The review is over; what was decided is fired at the edit job that waits for it."""
    tx, review, event = firing.tx, read_edit(firing.tx, firing.job.id), _E(firing.event)
    change(
        tx, review, event, firing.actor,
        reason=said.reason, comment=said.comment, discard=True, decision=kebab(event),
    )  # fmt: skip
    release_ended(tx, [review.id])
    tell_parent(tx, review, event, firing.actor, said=said.reason, comment=said.comment)


REWORK: Actions = {**OF_WORKERS, _E.UPLOAD: Action(UploadSaid, upload)}
REVIEW: Actions = {
    **OF_WORKERS,
    _E.REVIEW_APPROVED: Action(Said, _decide),
    _E.CORRECTIONS_REQUIRED: Action(Said, _decide),
    _E.REVIEW_REJECTED: Action(Said, _decide),
}
