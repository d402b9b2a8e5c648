"""Deleting a job: only an edit job that is Proposed; all else is cancelled or abandoned, and kept."""

from typing import Any

from sqlalchemy import Connection, Row, text

from orchestrator.domain.edit_job import EditState
from orchestrator.domain.kinds import EDITS, MACHINES, Kind
from orchestrator.errors import Conflict, Forbidden, IllegalTransition
from orchestrator.services.fire import locked
from orchestrator.services.keys import Caller
from orchestrator.storage.audit import audit
from orchestrator.storage.queries.legal import legal_events, read_facts


def delete(tx: Connection, job_id: int, who: Caller) -> None:
    """Delete it, with the jobs that it waited for; answers come in the order 403, 404, 409."""
    job = locked(tx, job_id)
    who.must_reach(job.site, job.workflow)
    if job.kind in EDITS and not who.person.leads:
        raise Forbidden(f"{who.user} is no planner: edit jobs are deleted by them")
    if job.kind != Kind.EDIT or job.state != EditState.PROPOSED:
        legal = legal_events(who.person, job, read_facts(tx, [job]), held=False)
        raise IllegalTransition(MACHINES[Kind(job.kind)].name, job.state, "Deleted", legal)
    _refuse_afoot(tx, job)
    for statement in (_LET_GO, _TELL, _DELETE):
        tx.execute(statement, {"job": job_id})
    audit(tx, who.user, "job.Deleted", f"job {job_id}")


def _refuse_afoot(tx: Connection, job: Row[Any]) -> None:
    if tx.execute(_AFOOT, {"job": job.id}).scalar_one():
        raise Conflict(f"what was begun with job {job.id} is still being cleared away: try again in a while")


_FAMILY = "select id from jobs where id = :job or (parent_id = :job and kind <> 'batch')"
_AFOOT = text(f"""
    select exists (select from edit_jobs where job_id in ({_FAMILY}) and discard)
      or exists (select from jobs where parent_id in ({_FAMILY}) and kind = 'batch' and ended_at is null)
""")  # noqa: S608 - our own words
# Its steps may have had very many tasks: they stay, as jobs that have ended.
_LET_GO = text(f"update jobs set parent_id = null where parent_id in ({_FAMILY}) and kind = 'batch'")  # noqa: S608
_TELL = text(f"update dependencies set outcome = 'never' where on_job in ({_FAMILY}) and outcome is null")  # noqa: S608
_DELETE = text(f"delete from jobs where id in ({_FAMILY})")  # noqa: S608
