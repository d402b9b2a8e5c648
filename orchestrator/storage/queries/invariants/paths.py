"""Checks of paths: each has one outcome, and none comes or goes."""

from orchestrator.storage.queries.invariants.check import JOB_ENDS, TASK_OPEN, Check


def _varbit(column: str) -> str:
    """A bitmap as bits that can be combined; all of one batch are of one length."""
    return f"('x' || encode({column}, 'hex'))::varbit"


_GIVEN = """
    select format('task %s (%s): %s given, %s processed, %s skipped, %s failed, %s aborted',
      id, state, given, processed, skipped, failed, aborted)
    from tasks
    where job_id = any(cast(:jobs as bigint[])) and (
      (state in ('Success', 'Error', 'Failure') and processed + skipped + failed + aborted <> given)
      or (state = 'Success' and failed + aborted > 0)
      or (state = 'Skipped' and given > 0)
    )
"""

_BITS = f"""
    select format('task %s (%s): %s', t.id, t.state, x.said)
    from tasks t join batches b on b.id = t.id >> :bits
    left join handouts h on h.task_id = t.id
    cross join lateral (values
      (t.given > 0 and t.given <> coalesce(bit_count(t.given_bits), b.n), 'its bits are for another number of paths'),
      (t.state in ({TASK_OPEN})
        and t.processed + t.skipped + t.failed + t.aborted <> coalesce(bit_count(t.settled_bits), 0),
        'its outcomes are not those that are settled'),
      (bit_count({_varbit("t.settled_bits")} & {_varbit("t.suspect_bits")}) > 0, 'settled paths are suspects'),
      (bit_count({_varbit("t.settled_bits")} & {_varbit("h.tried_bits")}) > 0, 'settled paths are tried again'),
      (bit_count({_varbit("t.passed_bits")} & ~ {_varbit("t.settled_bits")}) > 0, 'paths passed and are not settled'),
      (bit_count({_varbit("t.settled_bits")} & ~ {_varbit("t.given_bits")}) > 0, 'paths are settled and not given'),
      (bit_count({_varbit("h.tried_bits")} & ~ {_varbit("t.given_bits")}) > 0, 'paths are tried and not given')
    ) x(so, said)
    where t.job_id = any(cast(:jobs as bigint[])) and x.so
      -- Most tasks are given all paths and are done at one go.
      and ((t.given > 0 and t.given <> b.n) or coalesce(t.given_bits, t.settled_bits, t.suspect_bits, t.passed_bits,
        h.tried_bits) is not null or t.state in ({TASK_OPEN}) and t.processed + t.skipped + t.failed + t.aborted > 0)
"""

_OUTCOMES = """
    select format('task %s (%s): %s, %s, %s skipped, failed, aborted, and rows for %s, %s, %s', t.id, t.state,
      t.skipped, t.failed, t.aborted, coalesce(o.skipped, 0), coalesce(o.failed, 0), coalesce(o.aborted, 0))
    from tasks t
    left join (
      select task_id, count(*) filter (where outcome = 'skipped') as skipped,
        count(*) filter (where outcome = 'failed') as failed, count(*) filter (where outcome = 'aborted') as aborted
      from outcomes where job_id = any(cast(:jobs as bigint[])) group by task_id
    ) o on o.task_id = t.id
    where t.job_id = any(cast(:jobs as bigint[])) and t.state <> 'Failure'
      and (t.skipped, t.failed, t.aborted)
        <> (coalesce(o.skipped, 0), coalesce(o.failed, 0), coalesce(o.aborted, 0))
"""

_PASSED_ON = """
    select format('task %s was given %s paths, of %s processed and %s skipped before it',
      t.id, t.given, p.processed, p.skipped)
    from tasks t join tasks p on p.id = t.id - 1
    where t.job_id = any(cast(:jobs as bigint[])) and (t.id & :mask) > 0 and p.state in ('Success', 'Error')
      and t.given > 0 and t.given not between p.processed and p.processed + p.skipped
"""

_CHAINS = """
    select format('batch %s of job %s (rule %s, %s paths): steps %s to %s in %s tasks, of %s; the first was given %s',
      b.id, b.job_id, b.rule, b.n, c.first, c.last, c.tasks, s.last, f.given)
    from batches b
    join jobs j on j.id = b.job_id
    left join (
      select id >> :bits as batch, min(id & :mask) as first, max(id & :mask) as last, count(*) as tasks
      from tasks where job_id = any(cast(:jobs as bigint[])) group by 1
    ) c on c.batch = b.id
    left join (select job_id, rule, max(step) as last from job_steps group by 1, 2) s
      on s.job_id = b.job_id and s.rule = b.rule
    left join tasks f on f.id = (b.id << :bits) + c.first
    where b.job_id = any(cast(:jobs as bigint[])) and (
      c.batch is null or c.last is distinct from s.last or c.tasks <> c.last - c.first + 1
      or (j.redrive_of is null and (c.first > 0 or f.given <> b.n))
    )
"""

_BATCH_NUMBERS = """
    select format('job %s, walk %s: there is a batch %s, and it is at %s', b.job_id, b.subtree, b.sequence, w.sequence)
    from batches b left join walks w on w.job_id = b.job_id and w.subtree = b.subtree
    where b.job_id = any(cast(:jobs as bigint[])) and not coalesce(w.by_hub, false)
      and (w.job_id is null or b.sequence > w.sequence)
"""

_FOUND = """
    select format('job %s: %s paths, in batches %s and troubles %s', p.job_id, p.total, coalesce(b.n, 0), p.troubles)
    from progress p
    left join (
      select job_id, sum(n) as n from batches where job_id = any(cast(:jobs as bigint[])) group by job_id
    ) b on b.job_id = p.job_id
    left join (
      select job_id, sum(paths) as n from forecasts where job_id = any(cast(:jobs as bigint[])) group by job_id
    ) f on f.job_id = p.job_id
    where p.job_id = any(cast(:jobs as bigint[])) and p.total <> coalesce(b.n, 0) + coalesce(f.n, 0) + p.troubles
"""

_ENDED = f"""
    select format('job %s (%s): of %s paths %s processed, %s skipped, %s failed, %s aborted, %s cancelled',
      j.id, j.state, p.total, p.processed, p.skipped, p.failed, p.aborted, p.cancelled)
    from progress p join jobs j on j.id = p.job_id
    cross join lateral (select p.processed + p.skipped + p.failed + p.aborted + p.cancelled as ended) x
    where j.id = any(cast(:jobs as bigint[]))
      and (x.ended > p.total or (j.state in ({JOB_ENDS}) and x.ended <> p.total))
"""

_SUMS = f"""
    select format('job %s: %s is %s, and its rows come to %s', p.job_id, v.name, v.kept, v.counted)
    from progress p
    left join (
      select t.job_id, count(*) filter (where t.state in ({TASK_OPEN})) as open_tasks,
        count(*) filter (where t.state in ('Error', 'Failure')) as bad_tasks,
        sum(t.failed) filter (where t.state not in ({TASK_OPEN})) as failed,
        sum(t.aborted) filter (where t.state not in ({TASK_OPEN})) as aborted,
        sum(t.processed) filter (where t.state not in ({TASK_OPEN}) and (t.id & :mask) = s.last) as processed
      from tasks t
      join (
        select job_id, rule, max(step) as last from job_steps where job_id = any(cast(:jobs as bigint[])) group by 1, 2
      ) s on s.job_id = t.job_id and s.rule = t.rule
      where t.job_id = any(cast(:jobs as bigint[])) group by 1
    ) c on c.job_id = p.job_id
    left join (
      select p.job_id, count(*) as n from parcels p join handouts o on o.parcel = p.id
      where p.job_id = any(cast(:jobs as bigint[])) group by 1
    ) h on h.job_id = p.job_id
    cross join lateral (values
      ('open_tasks', p.open_tasks, coalesce(c.open_tasks, 0)), ('bad_tasks', p.bad_tasks, coalesce(c.bad_tasks, 0)),
      ('out', p.out, coalesce(h.n, 0)), ('failed', p.failed, coalesce(c.failed, 0) + p.troubles),
      ('aborted', p.aborted, coalesce(c.aborted, 0)), ('processed', p.processed, coalesce(c.processed, 0))
    ) v(name, kept, counted)
    where p.job_id = any(cast(:jobs as bigint[])) and v.kept <> v.counted
"""

CHECKS = (
    Check("I4", "a job's counters are its rows", _SUMS),
    Check("I5", "what a task was given has come to an outcome at its end", _GIVEN),
    Check("I5", "which paths are given, settled, suspected and tried fits together", _BITS),
    Check("I5", "what was not processed has a row for each path", _OUTCOMES),
    Check("I12", "a task is given what passed the step before it", _PASSED_ON),
    Check("I12", "each batch has its chain, and the chain all its paths", _CHAINS),
    Check("I12", "batches are numbered up to where their walk is", _BATCH_NUMBERS),
    Check("I12", "what was found is what is in batches, and the troubles", _FOUND),
    Check("I12", "a job's paths come to one end each", _ENDED),
)
