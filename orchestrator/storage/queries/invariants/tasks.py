"""Checks of tasks: where they are, under which attempt, in which order, and what they are counted as."""

from orchestrator.domain.discovery import DiscoveryState
from orchestrator.domain.task import TaskState
from orchestrator.storage.queries.invariants.check import TASK_OPEN, WALK_ENDS, Check

_STATES = [state.value.lower() for state in TaskState]
_WALKS = [state.value.lower() for state in DiscoveryState]

# Looked up task by task, each by a key, so that no plan depends on how many rows the tables are thought to have.
_PLACED = f"""
    select format('task %s (%s, attempt %s, given %s) is in %s of them', t.id, t.state, t.attempt, t.given, x.places)
    from tasks t
    join jobs j on j.id = t.job_id
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    left join discoveries d on d.job_id = t.job_id
    cross join lateral (
      select (t.attempt = 0 and t.given > 0 and s.waits and d.state not in ({WALK_ENDS}))::int
        + exists (select from handouts h where h.task_id = t.id)::int
        + exists (select from asks a where a.task_id = t.id)::int
        + exists (
          select from ready r where r.site = s.site and r.queue = s.queue and r.function = s.function
            and r.job_id = t.job_id and r.task_id = t.id
        )::int
        + exists (select from later l where l.job_id = t.job_id and l.task_id = t.id)::int
        + exists (select from held_tasks k where k.job_id = t.job_id and k.task_id = t.id)::int
        + (t.attempt = 0 and t.given = 0 and (t.id & :mask) > 0 and exists (
          select from tasks p where p.id = t.id - 1 and p.state in ({TASK_OPEN})
        ))::int as places
    ) x
    where t.job_id = any(cast(:jobs as bigint[])) and t.state in ({TASK_OPEN})
      and x.places <> 1 and not (x.places = 0 and j.state = 'Dequeuing' and t.state = 'Pending')
"""

_LAPSED = """
    select format('parcel %s at %s: last heard of at %s', p.id, p.node, p.heard_at)
    from parcels p, hub_heartbeat beat
    where p.job_id = any(cast(:jobs as bigint[])) and p.claimed_at is not null
      and p.heard_at < beat.at - make_interval(secs => :patience)
    union all
    select format('walk %s of job %s at %s: last heard of at %s', w.subtree, w.job_id, w.worker, w.heard_at)
    from walks w join jobs j on j.id = w.job_id, hub_heartbeat beat
    where w.job_id = any(cast(:jobs as bigint[])) and w.ended_at is null and w.state = 'Running' and j.ended_at is null
      and w.heard_at < beat.at - make_interval(secs => :patience)
"""

_STEP_COUNTS = f"""
    select format('job %s, rule %s, step %s: %s is %s, and %s are', s.job_id, s.rule, s.step, v.name, v.kept, v.counted)
    from job_steps s
    left join (
      select job_id, rule, id & :mask as step,
        {", ".join(f"count(*) filter (where state = '{state.value}') as {state.value.lower()}" for state in TaskState)}
      from tasks where job_id = any(cast(:jobs as bigint[])) group by 1, 2, 3
    ) c on c.job_id = s.job_id and c.rule = s.rule and c.step = s.step
    cross join lateral (
      values {", ".join(f"('{name}', s.{name}, coalesce(c.{name}, 0))" for name in _STATES)}
    ) v(name, kept, counted)
    where s.job_id = any(cast(:jobs as bigint[])) and v.kept <> v.counted
"""

_WALK_COUNTS = f"""
    select format('job %s: %s is %s, and %s are', d.job_id, v.name, v.kept, v.counted)
    from discoveries d
    left join (
      select job_id,
        {", ".join(f"count(*) filter (where state = '{s.value}') as {s.value.lower()}" for s in DiscoveryState)}
      from walks where job_id = any(cast(:jobs as bigint[])) group by 1
    ) c on c.job_id = d.job_id
    cross join lateral (
      values {", ".join(f"('{name}', d.{name}, coalesce(c.{name}, 0))" for name in _WALKS)}
    ) v(name, kept, counted)
    where d.job_id = any(cast(:jobs as bigint[])) and v.kept <> v.counted
"""

_DISCOVERY_STATE = """
    select format('job %s: discovery is %s, and its walks together are %s', d.job_id, d.state, x.state)
    from discoveries d cross join lateral (
      select case when running > 0 then 'Running' when stopped > 0 then 'Stopped' when waiting > 0 then 'Waiting'
        when broken > 0 then 'Broken' else 'Closed' end as state
    ) x
    where d.job_id = any(cast(:jobs as bigint[])) and d.state::text <> x.state
"""

_ATTEMPTS = """
    select format('task %s is handed out under attempt %s, and is at %s', h.task_id, h.attempt, t.attempt)
    from parcels p join handouts h on h.parcel = p.id join tasks t on t.id = h.task_id
    where p.job_id = any(cast(:jobs as bigint[])) and h.attempt <> t.attempt
"""

_TRIES = """
    select format('task %s: %s attempts, %s tries, %s crashes, of %s tries', t.id, t.attempt, t.tries, t.crashes, x.max)
    from tasks t
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    cross join lateral (select coalesce((s.options -> 'retries' ->> 'max')::int, 0) as max) x
    where t.job_id = any(cast(:jobs as bigint[])) and (t.tries > 0 or t.crashes > 0)
      and (t.attempt < t.tries + t.crashes or t.tries > x.max)
"""

_CRASHES = """
    select format('task %s has seen its process die %s times over %s paths', t.id, t.crashes, t.given)
    from tasks t
    where t.job_id = any(cast(:jobs as bigint[])) and t.crashes > :most_crashes
      and t.crashes > :most_crashes - 1 + (t.processed + t.skipped + t.failed + t.aborted + 1)
        * (ceil(log(2, greatest(t.given, 1)::numeric)) + 1)
"""

_ORDER = f"""
    select format('task %s is %s, attempt %s, given %s, and the one before it is %s',
      t.id, t.state, t.attempt, t.given, p.state)
    from tasks t join tasks p on p.id = t.id - 1 join jobs j on j.id = t.job_id
    where t.job_id = any(cast(:jobs as bigint[])) and (t.id & :mask) > 0
      and not (j.state = 'Dequeuing' and t.state = 'Pending' and t.attempt = 0) and (
      (p.state in ({TASK_OPEN}) and (t.attempt > 0 or t.given > 0 or t.state in ('Success', 'Error', 'Failure')))
      or (p.state not in ({TASK_OPEN}, 'Success', 'Error') and t.state not in ('Cancelled', 'Skipped'))
      or (p.state in ('Success', 'Error') and t.state not in ('Cancelled', 'Skipped') and t.given = 0)
    )
"""

_READY = """
    select format('task %s is ready, and %s', r.task_id, case
      when t.id is null then 'not there' when t.state <> 'Pending' then t.state::text
      when j.ended_at is not null then 'its job has ended' else 'in another lane than its step' end)
    from ready r
    join jobs j on j.id = r.job_id
    left join tasks t on t.id = r.task_id and t.job_id = r.job_id
    left join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    where r.job_id = any(cast(:jobs as bigint[])) and (
      t.id is null or t.state <> 'Pending' or j.ended_at is not null
      or (s.site, s.queue, s.function) is distinct from (r.site, r.queue, r.function)
    )
"""

_LATER = """
    select format('task %s is to be tried again at %s, and is %s', l.task_id, l.run_after, t.state)
    from later l join jobs j on j.id = l.job_id left join tasks t on t.id = l.task_id and t.job_id = l.job_id
    where l.job_id = any(cast(:jobs as bigint[])) and (t.state is distinct from 'Pending' or j.ended_at is not null)
"""

_KEPT_BACK = """
    select format('task %s is kept back by hold %s, and %s', k.task_id, k.hold_id, case
      when t.id is null then 'not there' when t.state <> 'Pending' then t.state::text
      when j.ended_at is not null then 'its job has ended' else 'that keeps nothing' end)
    from held_tasks k
    left join jobs j on j.id = k.job_id
    left join tasks t on t.id = k.task_id and t.job_id = k.job_id
    left join holds h on h.id = k.hold_id and h.keeps
    where k.job_id = any(cast(:jobs as bigint[]))
      and (t.state is distinct from 'Pending' or j.ended_at is not null or h.id is null)
"""

_HANDED_OUT = """
    select format('task %s is %s, and was claimed at %s', t.id, t.state, p.claimed_at)
    from parcels p join handouts h on h.parcel = p.id join tasks t on t.id = h.task_id
    where p.job_id = any(cast(:jobs as bigint[]))
      and t.state <> 'Pending' and (t.state <> 'Started' or p.claimed_at is null)
"""

_IN_PARCELS = """
    select format('task %s is handed out in parcel %s, which is not there', h.task_id, h.parcel)
    from handouts h join tasks t on t.id = h.task_id
    where t.job_id = any(cast(:jobs as bigint[])) and not exists (select from parcels p where p.id = h.parcel)
"""

_PLACE = """
    select format('task %s is at %s.%s.%s, and its step at %s.%s.%s',
      h.task_id, p.site, p.queue, p.function, s.site, s.queue, s.function)
    from parcels p
    join handouts h on h.parcel = p.id
    join tasks t on t.id = h.task_id
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    where p.job_id = any(cast(:jobs as bigint[])) and (
      t.job_id <> p.job_id or (s.site, s.queue, s.function) is distinct from (p.site, p.queue, p.function)
    )
"""

_ASKED = """
    select format('task %s is %s, its step is for %s, and it is claimed by %s', t.id, t.state, s.function, a.claimed_by)
    from asks a join tasks t on t.id = a.task_id
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    where a.job_id = any(cast(:jobs as bigint[])) and (
      t.job_id <> a.job_id or (s.queue, s.function) is distinct from (a.group_name, 'people')
      or (a.claimed_by is null and t.state <> 'Pending') or (a.claimed_by is not null and t.state <> 'Started')
    )
"""

CHECKS = (
    Check("I1", "an open task is ready, with a site or people, or waits for the step before it or discovery", _PLACED),
    Check("I1", "a lease that has lapsed is judged", _LAPSED),
    Check("I4", "a step's counters are its tasks", _STEP_COUNTS),
    Check("I4", "a discovery's counters are its walks", _WALK_COUNTS),
    Check("I4", "a discovery is what its walks are together", _DISCOVERY_STATE),
    Check("I6", "what is handed out has the present attempt", _ATTEMPTS),
    Check("I7", "each try and each death had an attempt, and tries are capped", _TRIES),
    Check("I8", "a step begins after the one before it has ended well", _ORDER),
    Check("I11", "what is ready is pending, in a job that runs, in its step's lane", _READY),
    Check("I11", "what is tried again later is pending, in a job that runs", _LATER),
    Check("I11", "what is kept back is pending, in a job that runs, by a hold that says so", _KEPT_BACK),
    Check("I11", "what is handed out has not ended, and has begun only if it was claimed", _HANDED_OUT),
    Check("I11", "what is handed out is in a parcel", _IN_PARCELS),
    Check("I11", "people are asked only for what is theirs, and have begun only with what one has claimed", _ASKED),
    Check("I13", "deaths are few: a logarithm of halvings for each path that is settled", _CRASHES),
    Check("I14", "a task is at its step's site", _PLACE),
)
