"""Writing down what the hub has seen: the longest that a task of each action took at a site, and what it has counted.

What runs for longer than any task before it is worth a look.
"""

from sqlalchemy import Connection, text

from orchestrator.services.memory import Memory
from orchestrator.storage import tally

_RAISE = text("""
    with took as (
      select s.site, s.action, s.function, max(u.seconds) as seconds
      from unnest(cast(:job as bigint[]), cast(:rule as int[]), cast(:step as int[]), cast(:seconds as float8[]))
        as u(job, rule, step, seconds)
      join job_steps s on s.job_id = u.job and s.rule = u.rule and s.step = u.step
      group by 1, 2, 3
    )
    update site_actions a set longest_s = took.seconds from took
    where a.site = took.site and a.action = took.action and a.function = took.function
      and coalesce(a.longest_s, 0) < took.seconds
""")


def keep_record(tx: Connection, memory: Memory) -> None:
    """Write down what was longer than all before, and how often things have happened.

    What this transaction does not keep is learnt again, or is a few seconds of what metrics count.
    """
    if memory.longest:
        jobs, rules, steps = zip(*memory.longest, strict=True)
        asked = {"job": list(jobs), "rule": list(rules), "step": list(steps), "seconds": list(memory.longest.values())}
        tx.execute(_RAISE, asked)
        memory.longest.clear()
    if memory.counted:
        tally.add(tx, memory.counted)
        tally.merge(tx)
        memory.counted.clear()
