"""The ledger in SQL: read-only views with names that stay as they are, for who asks the database itself.

A role that may read these and nothing else is made as docs/ledger.md says; the views look at the tables with the
rights of their owner.
"""

FUNCTION = """
create or replace function ledger_text(path bytea) returns text language plpgsql immutable strict parallel safe as $$
begin
  return convert_from(path, 'UTF8');
exception when character_not_in_repertoire or untranslatable_character then
  return null;
end $$
"""
"""The text of a path, null where it is none."""

_JOBS = """
create or replace view ledger_jobs as
select j.id as job_id, j.kind, j.parent_id, j.name, j.workflow, j.workflow_version, j.site, j.queue,
  j.priority::int as priority, j.owner, j.state::text as state, j.reason, j.created_at, j.started_at, j.ended_at,
  j.redrive_of, coalesce(p.total, 0) as paths_total, coalesce(p.processed, 0) as paths_processed,
  coalesce(p.skipped, 0) as paths_skipped, coalesce(p.failed, 0) as paths_failed,
  coalesce(p.aborted, 0) as paths_aborted, coalesce(p.cancelled, 0) as paths_cancelled,
  coalesce(p.unmatched, 0) as paths_unmatched
from jobs j left join progress p on p.job_id = j.id
where j.pruned_at is null
"""

# All the paths of a Failure failed, whatever was said of single ones before.
_TASKS = """
create or replace view ledger_tasks as
select t.id as task_id, t.job_id, t.id >> 6 as batch_id, t.rule::int as rule, s.step::int as step, s.action,
  case when s.function <> 'people' then s.site end as site, case when s.function <> 'people' then s.queue end as queue,
  t.state::text as state, t.attempt, t.worker, t.given as paths_given,
  case t.state when 'Failure' then 0 else t.processed end as paths_processed,
  case t.state when 'Failure' then 0 else t.skipped end as paths_skipped,
  case t.state when 'Failure' then t.given else t.failed end as paths_failed,
  case t.state when 'Failure' then 0 else t.aborted end as paths_aborted,
  t.error ->> 'error_class' as error_class, t.error ->> 'message' as message,
  t.created_at, t.dispatched_at, t.started_at, t.ended_at
from tasks t join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & 63)
"""

_PATHS = """
create or replace view ledger_stopped_paths as
select o.job_id, nullif(o.task_id, 0) as task_id, s.rule::int as rule, s.step::int as step, s.action, s.site,
  ledger_text(o.path) as path, o.path as path_bytes, o.outcome, o.error_class, o.message, o.fingerprint
from outcomes o
join jobs j on j.id = o.job_id and j.pruned_at is null
left join tasks t on t.id = o.task_id
left join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & 63)
where t.state is distinct from 'Failure'
"""

_ERRORS = """
create or replace view ledger_errors as
select g.job_id, g.fingerprint, nullif(g.rule, -1)::int as rule, nullif(g.step, -1)::int as step, g.action,
  g.error_class, g.message, g.paths, g.hosts, g.first_at, g.last_at
from error_groups g join jobs j on j.id = g.job_id and j.pruned_at is null
"""

_HISTORY = """
create or replace view ledger_history as
select h.job_id, h.seq, h.at, h.actor, h.event, h.from_state, h.to_state, h.reason, h.comment
from history h join jobs j on j.id = h.job_id and j.pruned_at is null
"""

VIEWS: dict[str, str] = {
    "ledger_jobs": _JOBS,
    "ledger_tasks": _TASKS,
    "ledger_stopped_paths": _PATHS,
    "ledger_errors": _ERRORS,
    "ledger_history": _HISTORY,
}
"""The statement that makes each of them, by name."""
