"""The hub's own walks (``walks.by_hub``): what no site has to be asked for goes on here, a chunk a turn.

They have the machine of all walks, so that pausing, cancelling and ending are as for any other; each chunk is kept with
its cursor in one transaction, so that nothing is found twice and nothing is left out whenever this is interrupted.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from orchestrator.contracts.parcel import RuleOrder
from orchestrator.domain.batch_job import RUNNING
from orchestrator.domain.discovery import DISCOVERY, DiscoveryEvent, DiscoveryState
from orchestrator.services.grant import MOST_OPEN_TASKS
from orchestrator.services.hold import held
from orchestrator.services.memory import Memory
from orchestrator.services.name_paths import name_paths
from orchestrator.services.sort import read_rules
from orchestrator.services.take_over import take_over
from orchestrator.services.tell_changes import tell_changes
from orchestrator.storage.counters import Deltas
from orchestrator.storage.transitions import WalkChange, change_walks

WORKER = "hub"
MOST_JOBS = 50
"""That are filled in one turn."""

Chunk = Callable[[Connection, Row[Any], Sequence[RuleOrder], Memory, Deltas], tuple[int, bytes | None]]
"""Finds more of one walk: the number of the last entry that this made, and the cursor to go on from (None: over)."""


class Walked(NamedTuple):
    """What one turn has found."""

    ended: frozenset[int] = frozenset()
    """Jobs with a walk that has come to its end; all rows of jobs that walked are locked."""
    unsettled: frozenset[int] = frozenset()
    """Jobs that may have come to another state by it."""
    more: bool = False
    """There is more to find at once."""


# One walk a job at a time, the first that is not over. A redrive is filled whatever holds it. A stream is looked at
# when it begins, is paused or is closed; what has changed is told when all other walks have ended.
_LIVE = text(f"""
    select j.id as job_id, j.state as job_state, j.redrive, d.rules, d.memory, w.subtree, w.attempt, w.state,
      w.sequence, w.cursor, w.input, w.live, s.job_id is not null as streams, s.closed_at is not null as closed,
      exists (select from forecasts f where f.job_id = j.id) as dry
    from (select distinct job_id from walks where by_hub and ended_at is null) own
    join jobs j on j.id = own.job_id and j.ended_at is null
    join discoveries d on d.job_id = j.id
    join progress p on p.job_id = j.id
    left join streams s on s.job_id = j.id
    cross join lateral (
      select *, count(*) over () as live from walks where job_id = j.id and by_hub and ended_at is null
      order by subtree limit 1
    ) w
    where case when j.state in ('Pending', 'Started') and j.redrive is null then
        coalesce(j.not_before <= clock_timestamp(), true) and p.open_tasks <= :most and not {held("d.site", "d.queue")}
      else w.state = 'Running' or j.state in ('Pending', 'Started') end
      and (s.job_id is null or s.closed_at is not null or (w.state = 'Waiting' and s.lines > 0)
        or (w.state = 'Running' and j.state not in ('Pending', 'Started')))
      and (d.memory is null or j.redrive is not null or not exists (
        select from walks o where o.job_id = j.id and not o.by_hub and o.ended_at is null
      ))
    order by j.id limit :jobs for update of j
""")  # noqa: S608 - our own words


def walk_on(tx: Connection, memory: Memory, deltas: Deltas) -> Walked:
    """One chunk of every job that the hub fills by itself."""
    rows = tx.execute(_LIVE, {"most": MOST_OPEN_TASKS, "jobs": MOST_JOBS}).all()
    changes = [change for row in rows if (change := _walk(tx, row, memory, deltas))]
    change_walks(tx, changes)
    for change in changes:
        deltas.move_walk(change.job, change.before, change.after)
    ended = {change.job for change in changes if change.after in DISCOVERY.terminal}
    live = {row.job_id: row.live for row in rows}
    more = any(change.after is DiscoveryState.RUNNING or live[change.job] > 1 for change in changes)
    # What has tasks now has not ended.
    unsettled = {change.job for change in changes if not deltas.jobs[change.job]["open_tasks"]}
    return Walked(frozenset(ended), frozenset(unsettled), more)


def _walk(tx: Connection, row: Row[Any], memory: Memory, deltas: Deltas) -> WalkChange | None:
    before = after = DiscoveryState(row.state)
    sequence, cursor = row.sequence, row.cursor
    if row.job_state in RUNNING and before is not DiscoveryState.STOPPED:
        if before is DiscoveryState.WAITING:
            after = DISCOVERY.fire(after, DiscoveryEvent.BEGUN)
        find = _way(row)
        sequence, cursor = find(tx, row, read_rules(row.rules), memory, deltas)
        if cursor is None:
            after = DISCOVERY.fire(after, DiscoveryEvent.EXHAUSTED)
    elif before is DiscoveryState.RUNNING:
        after = DISCOVERY.fire(after, DiscoveryEvent.HALTED)
    else:
        return None
    return WalkChange(row.job_id, row.subtree, row.attempt, before, after, sequence, cursor, WORKER, None)


def _way(row: Row[Any]) -> Chunk:
    if row.redrive is not None:
        return take_over
    if row.streams:
        return _stand
    return name_paths if row.memory is None else tell_changes


def _stand(
    _tx: Connection, row: Row[Any], _rules: Sequence[RuleOrder], _memory: Memory, _deltas: Deltas
) -> tuple[int, bytes | None]:
    """A stream is filled by the API (take_paths.py); here it is only seen whether it is closed."""
    return row.sequence, None if row.closed else b""
