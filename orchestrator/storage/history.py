"""What happened to jobs: written down, and told to those who wait for it, in the transaction in which it happens."""

from sqlalchemy import Connection, text

from orchestrator.domain.dependency import ended, reached
from orchestrator.storage.together import write

# What webhooks are to be told is written by the same statement: an event is in both, or in neither. They hear
# nothing of dry runs: nothing has run. And so is that one more job has come into a state, which metrics count.
_RECORD = text("""
    with entry as (
      insert into history (job_id, seq, actor, event, from_state, to_state, reason, comment)
      select :job, coalesce(max(seq), 0) + 1, :actor, :event, :before, :after, :reason, :comment
      from history where job_id = :job
      returning *
    ),
    counted as (
      insert into tallies (name, labels, n)
      select 'jobs', array[j.kind, e.to_state], 1 from entry e join jobs j on j.id = e.job_id
      where e.to_state is distinct from e.from_state and e.to_state is not null
    )
    insert into deliveries (webhook_id, job_id, event, body)
    select w.id, e.job_id, e.event, jsonb_build_object(
      'job', e.job_id, 'kind', j.kind, 'name', j.name, 'workflow', j.workflow, 'parent', j.parent_id, 'seq', e.seq,
      'at', e.at, 'actor', e.actor, 'event', e.event, 'from', e.from_state, 'to', e.to_state,
      'reason', e.reason, 'comment', e.comment
    )
    from entry e join jobs j on j.id = e.job_id
    join webhooks w on (w.events is null or e.event = any(w.events)) and (w.workflow is null or w.workflow = j.workflow)
    where not exists (select from forecasts f where f.job_id = e.job_id)
""")


def record(
    tx: Connection,
    job: int,
    event: str,
    *,
    actor: str,
    before: str | None = None,
    after: str | None = None,
    reason: str | None = None,
    comment: str | None = None,
) -> None:
    """Write one entry of a job's history; its row is locked, so the numbers have no gap.

    Where it is ``after`` in another state, those that wait for that are told.
    """
    write(
        tx,
        _RECORD,
        {
            "job": job, "actor": actor, "event": event, "before": before,
            "after": after, "reason": reason, "comment": comment,
        },
    )  # fmt: skip
    if after is not None:
        _tell_dependents(tx, job, after)


_TELL = text("""
    update dependencies set outcome = case when wanted = any(cast(:reached as text[])) then 'met' else 'never' end
    where on_job = :job and outcome is null and (:ended or wanted = any(cast(:reached as text[])))
""")


def _tell_dependents(tx: Connection, job: int, state: str) -> None:
    # Their own rows are another transaction's to change (services/depend.py): no two jobs are locked out of turn.
    said = {"job": job, "reached": sorted(reached(state)), "ended": ended(state)}
    write(tx, _TELL, said)
