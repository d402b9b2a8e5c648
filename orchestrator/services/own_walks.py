"""The walks that the hub does itself (``walks.by_hub``), a chunk a turn, with the machine that every walk has.

They take over what earlier jobs left (take_over.py), tell what looking for changes came to (tell_changes.py), or stand
for a stream that the API fills (take_paths.py).
"""

from typing import NamedTuple

from sqlalchemy import Connection, Row, text

from orchestrator.domain.batch_job import RUNNING
from orchestrator.domain.discovery import DISCOVERY, DiscoveryEvent, DiscoveryState
from orchestrator.services.take_over import take_over
from orchestrator.services.tell_changes import tell_changes
from orchestrator.storage.counters import Deltas
from orchestrator.storage.transitions import WalkChange, change_walks

WORKER = "hub"


class Came(NamedTuple):
    """Where a walk has come to."""

    sequence: int
    cursor: bytes | None
    more: bool
    """There is more to do."""


# What has changed is told when all others have ended; a stream is looked at when it begins and when it is closed.
_LIVE = text("""
    select w.job_id, w.subtree, w.attempt, w.state, w.sequence, w.cursor, j.state as job_state, j.redrive,
      d.rules, d.memory, s.job_id is not null as streams, s.closed_at is not null as closed
    from walks w join jobs j on j.id = w.job_id join discoveries d on d.job_id = w.job_id
    left join streams s on s.job_id = w.job_id
    where w.by_hub and w.ended_at is null and j.ended_at is null and case
      when s.job_id is not null then s.closed_at is not null or (w.state = 'Waiting' and s.lines > 0)
        or (w.state = 'Running' and j.state not in ('Pending', 'Started'))
      when j.redrive is null then not exists (
        select from walks o where o.job_id = w.job_id and not o.by_hub and o.ended_at is null
      )
      else true
    end
    order by w.job_id for update of j
""")


def go_on(tx: Connection, deltas: Deltas) -> dict[int, DiscoveryState]:
    """One chunk of every such walk: these jobs, whose rows are locked, and how their walks stand."""
    moved: dict[int, DiscoveryState] = {}
    for row in tx.execute(_LIVE).all():
        before = after = DiscoveryState(row.state)
        came = Came(row.sequence, row.cursor, more=True)
        if row.job_state in RUNNING and before is not DiscoveryState.STOPPED:
            if before is DiscoveryState.WAITING:
                after = DISCOVERY.fire(after, DiscoveryEvent.BEGUN)
            came = _chunk(tx, row, deltas)
            if not came.more:
                after = DISCOVERY.fire(after, DiscoveryEvent.EXHAUSTED)
        elif before is DiscoveryState.RUNNING:
            after = DISCOVERY.fire(after, DiscoveryEvent.HALTED)
        else:
            continue
        key = (row.job_id, row.subtree, row.attempt)
        change_walks(tx, [WalkChange(*key, before, after, came.sequence, came.cursor, WORKER, None)])
        deltas.move_walk(row.job_id, before, after)
        moved[row.job_id] = after
    return moved


def _chunk(tx: Connection, row: Row[tuple[object, ...]], deltas: Deltas) -> Came:
    if row.streams:
        return Came(row.sequence, row.cursor, more=not row.closed)
    if row.redrive is None:
        sequence, more = tell_changes(tx, row, deltas)
        return Came(sequence, None, more)
    sequence, cursor = take_over(tx, row, deltas)
    return Came(sequence, cursor, cursor is not None)
