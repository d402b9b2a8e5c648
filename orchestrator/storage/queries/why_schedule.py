"""Which schedule started a job: not why it does not move, but why it is there."""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from orchestrator.contracts.views import Cause
from orchestrator.storage.queries.why_people import WHEN

_SCHEDULE = text("""
    select s.id, s.name, f.due_at, f.by from firings f join schedules s on s.id = f.schedule_id where f.job_id = :job
""")


def schedule_causes(tx: Connection, job: int) -> Iterator[Cause]:
    """The schedule, if one did."""
    for row in tx.execute(_SCHEDULE, {"job": job}):
        when = f"was due at {row.due_at:{WHEN}}" if row.by is None else f"was run by {row.by} at {row.due_at:{WHEN}}"
        yield Cause(
            cause="scheduled",
            detail=f"schedule {row.id} ({row.name}) started it, which {when}",
            frees=f"nothing: it is where the job comes from; orchestrator schedule show {row.id}",
        )
