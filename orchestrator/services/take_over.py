"""What a hub does first: hand out again what nobody has begun, since its messages may never have been sent."""

from sqlalchemy import Connection, text

from orchestrator.storage.counters import Deltas

_TASKS = text("""
    with back as (
      delete from handouts where claimed_at is null
      returning task_id, job_id, site, queue, function
    ),
    again as (
      insert into ready (site, queue, function, job_id, task_id)
      select site, queue, function, job_id, task_id from back
    )
    select job_id, count(*) as n from back group by job_id
""")

_WALKS = text(
    "update walks set handed_at = null where state = 'Waiting' and handed_at is not null and ended_at is null"
)


def give_back(tx: Connection) -> None:
    """Make unbegun hand-outs ready again (Returned: costs nothing); the next attempt fences the old message."""
    deltas = Deltas()
    for row in tx.execute(_TASKS):
        deltas.jobs[row.job_id]["out"] -= row.n
    deltas.write(tx)
    tx.execute(_WALKS)
