"""What may be asked of a batch job, as events: pausing, resuming and cancelling it (control.py)."""

from orchestrator.contracts.control import Asked, CancelAsked
from orchestrator.domain.batch_job import JobEvent, JobState
from orchestrator.errors import Unreachable
from orchestrator.services.control import GRACE_S, Locked, Revoke, Wish, cancel, pause, resume
from orchestrator.services.fire import Action, Actions, Firing


def revoker(firing: Firing) -> Revoke:
    """What takes back from the sites; Unreachable without a broker."""
    if firing.revoke is None:
        raise Unreachable("the API was given no broker: what is queued could not be taken back")
    return firing.revoke


def _job(firing: Firing, wish: Wish) -> Locked:
    job = firing.job
    return Locked(job.id, JobState(job.state), job.started_at is not None, JobState(job.state) in wish.already)


def _pause(firing: Firing, said: Asked) -> None:
    pause(firing.tx, _job(firing, Wish.PAUSE), firing.actor, said.reason, revoker(firing))


def _resume(firing: Firing, said: Asked) -> None:
    resume(firing.tx, _job(firing, Wish.RESUME), firing.actor, said.reason)


def _cancel(firing: Firing, said: CancelAsked) -> None:
    grace_s = 0.0 if said.force else GRACE_S
    cancel(firing.tx, _job(firing, Wish.CANCEL), firing.actor, said.reason, revoker(firing), grace_s=grace_s)


ACTIONS: Actions = {
    JobEvent.PAUSE_REQUESTED: Action(Asked, _pause, Wish.PAUSE.already),
    JobEvent.RESUMED: Action(Asked, _resume, Wish.RESUME.already),
    JobEvent.RESUMED_UNSTARTED: Action(Asked, _resume, Wish.RESUME.already),
    JobEvent.CANCEL_REQUESTED: Action(CancelAsked, _cancel, Wish.CANCEL.already),
}
