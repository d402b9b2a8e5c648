"""What is past its period: which jobs may be deleted, how much that is, and what else is old."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text

from orchestrator.domain.retention import Periods

DUE = """
  j.pruned_at is null and j.ended_at < clock_timestamp() - make_interval(secs => 86400 * case j.state
    when 'Success' then cast(:success as float8) when 'Complete' then cast(:success as float8)
    when 'Completed' then cast(:success as float8) when 'Archived' then cast(:success as float8)
    when 'Failure' then cast(:failure as float8)
    when 'Cancelled' then cast(:cancelled as float8) when 'Abandoned' then cast(:cancelled as float8) end)
"""
"""SQL: the job ``j`` has ended, and its period is over; the periods are values, in days."""

FREE = """
  not exists (select from jobs child where child.parent_id = j.id)
  and not exists (select from jobs parent where parent.id = j.parent_id and parent.ended_at is null)
  and j.id <> all(array(
    select cast(jsonb_array_elements(taker.redrive -> 'sources') as bigint)
    from jobs taker where taker.ended_at is null and taker.redrive is not null))
"""
"""SQL: nothing needs the ended job ``j``: it has no children, no parent that goes on, and no redrive takes from it."""

_FORGOTTEN = """(
  select m.id from memories m join workflows w on w.name = m.workflow and w.deleted_at < {before}
  where not exists (select from jobs j where j.id = m.job_id and j.ended_at is null))
"""
"""SQL: what was remembered for workflows that are deleted, and have no run that still goes on."""

OLD: Mapping[str, tuple[str, str]] = {
    "stale_reports": ("reports", "at < {before}"),
    "dead_letters": ("reports", "at < {before}"),
    "nodes": ("reports", "last_heard < {before}"),
    "audit": ("audit", "at < {before}"),
    "made_once": ("audit", "at < {before}"),
    "deliveries": ("reports", "dead_at < {before}"),
    "holds": ("audit", "job_id is null and not keeps and released_at < {before}"),
    "firings": ("reports", "job_id is null and outcome <> 'queued' and at < {before}"),
    "remembered": ("reports", f"memory in {_FORGOTTEN}"),
    "memories": ("reports", f"id in {_FORGOTTEN}"),
}
"""Table -> the period that it goes by, and what is then old, of what belongs to no job; in the order of deleting."""


def old(table: str) -> str:
    """SQL: a row of the table is past its period, which is a value in days."""
    period, condition = OLD[table]
    return condition.format(before=f"clock_timestamp() - make_interval(secs => 86400 * cast(:{period} as float8))")


@dataclass(frozen=True, slots=True)
class Prunable:
    """How much could be deleted."""

    jobs: Mapping[str, int]
    """By the state in which they ended; with those of which the deletion has begun."""
    tasks: int
    bytes: int
    """About: the share that these tasks have in the tables that grow with tasks."""
    others: Mapping[str, int]
    """By table: what belongs to no job."""


_JOBS = text(f"""
    select j.state, count(*) as jobs, coalesce(sum(s.tasks), 0)::bigint as tasks
    from jobs j left join lateral (
      select sum(pending + started + success + error + failure + skipped + cancelled) as tasks
      from job_steps where job_id = j.id
    ) s on true
    where {DUE} and {FREE} group by j.state
""")  # noqa: S608 - our own words

_PER_TASK = text("""
    select coalesce(sum(pg_total_relation_size(c.oid))
      / greatest(max(case c.relname when 'tasks' then greatest(c.reltuples, s.n_live_tup) end), 1), 0)::float8
    from pg_class c left join pg_stat_all_tables s on s.relid = c.oid
    where c.oid = any(array['tasks', 'batches', 'outcomes', 'carries']::regclass[])
""")


def prunable(tx: Connection, periods: Periods) -> Prunable:
    """What ``prune`` would delete now; it looks at every ended job."""
    values = asdict(periods)
    rows = tx.execute(_JOBS, values).all()
    tasks = sum(row.tasks for row in rows)
    others = {
        table: tx.execute(text(f"select count(*) from {table} where {old(table)}"), values).scalar_one()  # noqa: S608
        for table in OLD
    }
    return Prunable({row.state: row.jobs for row in rows}, tasks, round(tasks * bytes_per_task(tx)), others)


def bytes_per_task(tx: Connection) -> float:
    """What one task takes up with its share of everything that grows with tasks, indexes too."""
    return tx.execute(_PER_TASK).scalar_one()
