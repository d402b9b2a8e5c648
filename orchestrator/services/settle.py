"""Moving jobs on after their tasks: begun, and ended. Decided from counters, under the lock of the job's row."""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from orchestrator.domain.batch_job import JobEvent, JobState
from orchestrator.domain.cascade import JobView, job_event
from orchestrator.domain.discovery import DiscoveryState
from orchestrator.storage.transitions import move_job

_LOCK = text("select id from jobs where id = any(cast(:jobs as bigint[])) order by id for update")

_READ = text("""
    select j.id, j.state, d.state as discovery, d.broken, p.open_tasks, p.out, p.bad_tasks
    from jobs j join progress p on p.job_id = j.id join discoveries d on d.job_id = j.id
    where j.id = any(cast(:jobs as bigint[])) order by j.id
""")

_WHY_BROKEN = text("select reason from walks where job_id = :job and state = 'Broken' order by subtree limit 1")


def lock(tx: Connection, jobs: Iterable[int]) -> None:
    """Lock the jobs' rows, always in the same order; first of all locks."""
    tx.execute(_LOCK, {"jobs": sorted(set(jobs))})


def settle(tx: Connection, jobs: Iterable[int], begun: set[int]) -> list[int]:
    """Fire what is due for each of these locked jobs; the jobs that have ended by it."""
    ended: list[int] = []
    for row in tx.execute(_READ, {"jobs": sorted(set(jobs))}).all():
        state = JobState(row.state)
        if row.id in begun and state is JobState.PENDING:
            state = move_job(tx, row.id, state, JobEvent.TASK_STARTED)
        view = JobView(state, DiscoveryState(row.discovery), row.open_tasks, row.out, row.bad_tasks)
        if event := job_event(view):
            reason = tx.execute(_WHY_BROKEN, {"job": row.id}).scalar() if row.broken else None
            move_job(tx, row.id, state, event, reason=reason and f"discovery: {reason}")
            ended.append(row.id)
    return ended
