"""Archiving edit jobs in bulk."""

from sqlalchemy import Connection, text

from orchestrator.contracts.edit_job import MOST_ARCHIVED, ArchiveAsked
from orchestrator.contracts.task_group import Said
from orchestrator.contracts.views import Archived, NotArchived
from orchestrator.domain.edit_job import EditEvent
from orchestrator.errors import IllegalTransition, Refused
from orchestrator.services.actions import ACTIONS
from orchestrator.services.fire import fire
from orchestrator.services.keys import Caller


def archive_many(tx: Connection, asked: ArchiveAsked, who: Caller) -> Archived:
    """Archive all that can be; what can not, and why, is told. The order of their rows is that of all who lock some."""
    some = asked.jobs
    if some is None:
        values = {"before": asked.ended_before, "type": asked.job_type, "most": MOST_ARCHIVED + 1}
        some = list(tx.execute(_ENDED, values).scalars())
    told = Archived(archived=[], refused=[], more=len(some) > MOST_ARCHIVED)
    for job in sorted(set(some[:MOST_ARCHIVED])):
        try:
            fire(tx, job, EditEvent.ARCHIVE, who, lambda _: Said(reason=asked.reason), ACTIONS)
        except (Refused, IllegalTransition) as refused:
            told.refused.append(NotArchived(job=job, reason=str(refused)))
        else:
            told.archived.append(job)
    return told


_ENDED = text("""
    select j.id from jobs j join edit_jobs e on e.job_id = j.id
    where j.kind = 'edit' and j.state in ('Completed', 'Abandoned') and j.ended_at < :before and j.pruned_at is null
      and (cast(:type as text) is null or e.job_type = :type)
    order by j.id limit :most
""")
