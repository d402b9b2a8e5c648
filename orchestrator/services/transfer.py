"""Who may move the data of an edit job, and when: its worker fetches the package and sends edits; planners may look."""

from datetime import UTC, datetime

from sqlalchemy import Connection

from orchestrator.contracts.views import SentEdits
from orchestrator.domain.edit_job import EditEvent, EditState
from orchestrator.domain.kinds import EDITS
from orchestrator.domain.people import Relation
from orchestrator.errors import Conflict, Forbidden, NotFound
from orchestrator.services.fire import locked
from orchestrator.services.keys import Caller
from orchestrator.services.receive import Part
from orchestrator.services.workspace import Workspaces
from orchestrator.storage.history import record
from orchestrator.storage.queries.holds import holds_of
from orchestrator.storage.queries.legal import asking, legal_events, read_facts

_WITHOUT_PACKAGE = frozenset({
    EditState.PROPOSED, EditState.ALLOCATED, EditState.ACTIVATED,
    EditState.COMPLETED, EditState.ABANDONED, EditState.ARCHIVED,
})  # fmt: skip
"""The states in which there is none yet, or any more."""


def must_give(tx: Connection, job_id: int, caller: Caller) -> None:
    """The package may be fetched: NotFound for what is no edit job, Forbidden, Conflict at the wrong moment."""
    state, legal, _ = _asked(tx, job_id, caller, "fetch the package", planners=True)
    if state in _WITHOUT_PACKAGE:
        raise Conflict(f"job {job_id} is {state}: it has no package now", legal=legal)


def must_take(tx: Connection, job_id: int, caller: Caller) -> None:
    """Edits may be sent: NotFound for what is no edit job, Forbidden, Conflict at the wrong moment."""
    state, legal, possible = _asked(tx, job_id, caller, "send edits", planners=False)
    if EditEvent.UPLOAD not in possible:
        raise Conflict(f"job {job_id} is {state}: no edits are taken now", legal=legal)


def take(tx: Connection, workspaces: Workspaces, job_id: int, part: Part, sha256: str, caller: Caller) -> SentEdits:
    """Edits have come in whole: they are the job's, if it still takes any."""
    must_take(tx, job_id, caller)
    sent = SentEdits(size=part.keep(workspaces, job_id), sha256=sha256, sent_at=datetime.now(UTC), sent_by=caller.user)
    record(tx, job_id, "EditsSent", actor=caller.user, comment=f"{sent.size} bytes, SHA-256 {sha256}")
    return sent


def _asked(
    tx: Connection, job_id: int, caller: Caller, what: str, *, planners: bool
) -> tuple[str, list[str], list[str]]:
    """The job's state, what the caller may fire at it now, and what they might if nothing held it."""
    job, person = locked(tx, job_id), caller.person
    if job.kind not in EDITS:
        raise NotFound(f"job {job_id} is no edit job: it has no data of its own")
    caller.must_reach(job.site, job.workflow)
    facts = read_facts(tx, [job])
    if Relation.HOLDER not in asking(person, job, facts) and not (planners and person.leads):
        raise Forbidden(f"it is not yours to {what} of job {job_id}: that is for who has it")
    held = job.id in holds_of(tx, [job]) or job.awaits > 0
    legal, possible = (legal_events(person, job, facts, held=stopped) for stopped in (held, False))
    return job.state, legal, possible
