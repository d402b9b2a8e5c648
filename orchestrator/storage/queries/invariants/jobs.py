"""Checks of jobs and walks: ends that stay, requests that hold, and histories that were possible."""

from orchestrator.storage.queries.invariants.check import (
    JOB_ENDS,
    JOB_TERMINAL,
    TASK_ENDS,
    TASK_OPEN,
    WALK_ENDS,
    Check,
)

_TRIGGERS = """
    select format('%s is not there, or disabled', u.name)
    from unnest(cast(:triggers as text[])) as u(name)
    where not exists (select from pg_trigger g where g.tgname = u.name and g.tgenabled in ('O', 'A'))
"""

_ENDED_AT = f"""
    select format('job %s is %s, ended at %s', id, state, ended_at) from jobs
    where id = any(cast(:jobs as bigint[])) and (state in ({JOB_ENDS})) <> (ended_at is not null)
    union all
    select format('task %s is %s, ended at %s', id, state, ended_at) from tasks
    where job_id = any(cast(:jobs as bigint[])) and (state in ({TASK_ENDS})) <> (ended_at is not null)
    union all
    select format('walk %s of job %s is %s, ended at %s', subtree, job_id, state, ended_at) from walks
    where job_id = any(cast(:jobs as bigint[])) and (state in ({WALK_ENDS})) <> (ended_at is not null)
"""

_LEFT = f"""
    select format('job %s, entry %s: %s in %s', job_id, seq, event, from_state) from history
    where job_id = any(cast(:jobs as bigint[])) and from_state in ({JOB_TERMINAL}) and to_state <> from_state
"""

_NOT_ENDED = """
    select format('job %s is %s, with %s open tasks and %s with a site', j.id, j.state, p.open_tasks, p.out)
    from jobs j join progress p on p.job_id = j.id
    where j.id = any(cast(:jobs as bigint[])) and j.ended_at is null and j.state <> 'Paused'
      and (j.not_before is null or j.not_before < clock_timestamp() - make_interval(secs => :patience))
      and not exists (
        select from holds h where h.released_at is null and (h.until is null or h.until > clock_timestamp())
          and (h.job_id is null or h.job_id = j.id)
      )
      and not exists (select from asks a where a.job_id = j.id) and j.awaits = 0
"""

_PAST_DEADLINE = """
    select format('job %s is %s, and its deadline was %s', j.id, j.state, j.deadline)
    from jobs j, hub_heartbeat beat
    where j.id = any(cast(:jobs as bigint[])) and j.ended_at is null and j.state <> 'Dequeuing'
      and j.deadline < beat.at - make_interval(secs => :patience)
"""

_OPEN_AT_THE_END = f"""
    select format('job %s is %s: %s', j.id, j.state, x.said)
    from jobs j cross join lateral (
      select format('task %s is %s', t.id, t.state) from tasks t where t.job_id = j.id and t.state in ({TASK_OPEN})
      union all
      select format('parcel %s is with %s', p.id, p.site) from parcels p where p.job_id = j.id
    ) x(said)
    where j.id = any(cast(:jobs as bigint[])) and j.state in ({JOB_ENDS})
"""

_SINCE = """
    select format('parcel %s of job %s (%s) was handed out at %s, and the request is of %s',
      p.id, j.id, j.state, p.handed_at, said.at)
    from jobs j
    join parcels p on p.job_id = j.id
    cross join lateral (
      select max(at) as at from history where job_id = j.id and event = '{event}'
    ) said
    where j.id = any(cast(:jobs as bigint[])) and j.state = '{state}' and p.handed_at > said.at
"""

_HELD = """
    select format('parcel %s of job %s was handed out at %s, and hold %s is of %s',
      p.id, p.job_id, p.handed_at, h.id, h.at)
    from holds h join parcels p on p.job_id = h.job_id
    where h.job_id = any(cast(:jobs as bigint[])) and h.site is null and h.queue is null and h.path_prefix is null
      and h.released_at is null
      and (h.until is null or h.until > clock_timestamp()) and p.handed_at > h.at
"""

_PAUSED = """
    select format('parcel %s of job %s is with %s', p.id, j.id, p.site)
    from jobs j join parcels p on p.job_id = j.id
    where j.id = any(cast(:jobs as bigint[])) and j.state = 'Paused'
    union all
    select format('walk %s of job %s is %s, handed out at %s', w.subtree, j.id, w.state, w.handed_at)
    from jobs j join walks w on w.job_id = j.id
    where j.id = any(cast(:jobs as bigint[])) and j.state = 'Paused' and w.ended_at is null
      and (w.handed_at is not null or w.state = 'Running')
"""

_AWAITS = """
    select format('job %s waits for %s others, and %s dependencies are open', j.id, j.awaits, d.n)
    from jobs j cross join lateral (
      select count(*) as n from dependencies where job_id = j.id and settled_at is null
    ) d
    where j.id = any(cast(:jobs as bigint[])) and j.awaits <> d.n
"""

_ACTORS = """
    select format('job %s, entry %s: %s by nobody', job_id, seq, event) from history
    where job_id = any(cast(:jobs as bigint[])) and trim(actor) = ''
    union all
    select format('audit %s: %s by nobody', id, action) from audit where trim(actor) = ''
"""

_WALK = """
    select format('job %s, entry %s (number %s): %s from %s to %s, after %s',
      x.job_id, x.seq, x.number, x.event, x.from_state, x.to_state, x.before)
    from (
      select h.*, j.kind, row_number() over (partition by job_id order by seq) as number,
        lag(to_state) over (partition by job_id, to_state is null order by seq) as before
      from history h join jobs j on j.id = h.job_id where job_id = any(cast(:jobs as bigint[]))
    ) x
    where x.seq <> x.number or x.to_state is not null and (
      x.from_state is distinct from x.before
      or (x.from_state is null and concat_ws(' ', x.kind, x.event, x.to_state) <> all (cast(:starts as text[])))
      or (x.from_state is not null
        and concat_ws(' ', x.kind, x.from_state, x.event, x.to_state) <> all (cast(:edges as text[])))
    )
"""

_LAST = """
    select format('job %s is %s, and its history ends with %s', j.id, j.state, x.state)
    from jobs j cross join lateral (
      select to_state as state from history where job_id = j.id and to_state is not null order by seq desc limit 1
    ) x
    where j.id = any(cast(:jobs as bigint[])) and j.state::text <> x.state
"""

CHECKS = (
    Check("I2", "the triggers that guard the ends are on", _TRIGGERS),
    Check("I2", "what has ended has the time of its end, and nothing else has", _ENDED_AT),
    Check("I2", "nothing happens after the end", _LEFT),
    Check("I3", "every job that nobody holds has ended", _NOT_ENDED, only_settled=True),
    Check("I3", "a job that is past its deadline is being cancelled", _PAST_DEADLINE),
    Check("I9", "nothing of an ended job is open or with a site", _OPEN_AT_THE_END),
    Check(
        "I9",
        "nothing is handed out after cancel was asked for",
        _SINCE.format(event="CancelRequested", state="Dequeuing"),
    ),
    Check("I10", "nothing of a paused job is with a site", _PAUSED),
    Check(
        "I10", "nothing is handed out after pause was asked for", _SINCE.format(event="PauseRequested", state="Pausing")
    ),
    Check("I10", "nothing is handed out after the job was held", _HELD),
    Check("I4", "a job waits for as many others as it depends on and have not come so far", _AWAITS),
    Check("I15", "every entry of a history and of the audit says who", _ACTORS),
    Check("I17", "a history goes along the machine's edges, without a gap", _WALK),
    Check("I17", "a job is in the state that its history leads to", _LAST),
)
