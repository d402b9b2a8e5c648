"""Checks of edit jobs: each can go on, or is waited for by what can."""

from orchestrator.domain.edit_job import EditState
from orchestrator.storage.queries.invariants.check import Check, words

_SYSTEMS = words({EditState.ACTIVATED, EditState.UPLOADED, EditState.COMMITTED, EditState.PUBLISHED})
_WAITING = words({EditState.INVALID, EditState.QUARANTINED, EditState.CONFLICTED})

_STILL = f"""
    select format('job %s is %s, at %s, as job %s, due at %s', j.id, j.state, e.stage, e.step_job_id, e.go_on_at)
    from jobs j join edit_jobs e on e.job_id = j.id
    where j.id = any(cast(:jobs as bigint[])) and j.state in ({_SYSTEMS})
      and (e.stage is null or (e.step_job_id is null and e.go_on_at is null))
    union all
    select format('job %s is %s, and something is at %s', j.id, j.state, e.stage)
    from jobs j join edit_jobs e on e.job_id = j.id
    where j.id = any(cast(:jobs as bigint[])) and j.state not in ({_SYSTEMS})
      and (e.step_job_id is not null or (e.stage is not null and j.state <> 'Failed'))
"""

_WAITS = f"""
    select format('job %s is %s, and waits for %s jobs', j.id, j.state, open.n)
    from jobs j cross join lateral (
      select count(*) as n from jobs c where c.parent_id = j.id and c.ended_at is null and c.kind = case j.state
        when 'Invalid' then 'correction' when 'Quarantined' then 'review' else 'conflict' end
    ) open
    where j.id = any(cast(:jobs as bigint[])) and j.kind = 'edit' and j.state in ({_WAITING}) and open.n <> 1
"""

_LEFT_BEHIND = f"""
    select format('job %s is %s, and job %s, which it is for, is %s', c.id, c.state, j.id, j.state)
    from jobs j join jobs c on c.parent_id = j.id and c.kind <> 'batch' and c.ended_at is null
    where j.id = any(cast(:jobs as bigint[])) and j.kind = 'edit' and j.state not in ({_WAITING})
"""

_CLAIMS = """
    select format('job %s is %s, and claimed by %s', j.id, j.state, coalesce(j.claimed_by, 'nobody'))
    from jobs j join edit_jobs e on e.job_id = j.id
    where j.id = any(cast(:jobs as bigint[])) and j.ended_at is null
      and (j.claimed_by is null) <> (j.state in ('Proposed', 'Allocated'))
"""

CHECKS = (
    Check("I1", "an edit job in the system's hands goes on, and no other has a step", _STILL),
    Check("I1", "an edit job that waits does so for one job that can end it", _WAITS),
    Check("I8", "no job is left behind by the edit job that it is for", _LEFT_BEHIND),
    Check("I7", "an edit job is claimed from its activation on, and not before", _CLAIMS),
)
