"""Letting walks go on, or stopping them: back-pressure from the database to the walkers at the sites."""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, text

from orchestrator.contracts.names import STOP
from orchestrator.services.lanes import Lane
from orchestrator.services.send_walks import WALK_AHEAD
from orchestrator.storage.stances import closed

MOST_OPEN_TASKS = 2_000_000
"""A job with more tasks than this still to do is not filled further, unless they wait for it to be filled."""

_DRAINS = closed("d.site", "d.queue", "'discovery'", "draining")
_RUNNING = text(f"""
    select w.job_id, w.subtree, w.sequence, d.site, d.queue,
      j.state in ('Pending', 'Started') and s.draining is not true and not {_DRAINS} as open,
      p.open_tasks > :most and not exists (select from job_steps s where s.job_id = w.job_id and s.waits) as full
    from walks w
    join discoveries d on d.job_id = w.job_id
    join progress p on p.job_id = w.job_id
    join jobs j on j.id = w.job_id
    left join sites s on s.name = d.site
    where w.ended_at is null and w.state = 'Running' and j.ended_at is null and not w.by_hub
""")  # noqa: S608 - our own words

# The hub's own walks are for no walker.
_LIVE = text("""
    select d.site, d.queue, (sum(d.waiting + d.running + d.stopped) - coalesce(sum(own.n), 0))::int as walks
    from jobs j join discoveries d on d.job_id = j.id left join (
      select job_id, count(*) as n from walks where by_hub and ended_at is null group by job_id
    ) own on own.job_id = j.id
    where j.ended_at is null group by d.site, d.queue
""")

Grants = dict[str, dict[str, int]]
"""site -> {``job:subtree`` -> the last number that walk may send}."""


def grants(tx: Connection, lanes: Iterable[Lane]) -> Grants:
    """How far each running walk may go, and how many walkers each site has to spare for a job's subtrees."""
    rows = tx.execute(_RUNNING, {"most": MOST_OPEN_TASKS}).all()
    if not rows:
        return {}
    spare: defaultdict[tuple[str, str], int] = defaultdict(int)
    for lane in lanes:
        if lane.function == "discovery":
            spare[lane.site, lane.queue] += lane.concurrency
    for live in tx.execute(_LIVE):
        spare[live.site, live.queue] -= live.walks
    said: Grants = {}
    for row in rows:
        walks = said.setdefault(row.site, {})
        if not row.open:
            walks[f"{row.job_id}:{row.subtree}"] = STOP
        elif not row.full:
            walks[f"{row.job_id}:{row.subtree}"] = row.sequence + WALK_AHEAD
        walks[f"{row.job_id}:idle"] = max(0, spare[row.site, row.queue])
    return said
