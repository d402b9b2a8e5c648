"""Walks that stopped at a checkpoint, of jobs that go on, wait for a walker again; the cursor says where it goes on."""

from sqlalchemy import Connection, text

from orchestrator.domain.discovery import DISCOVERY, DiscoveryEvent, DiscoveryState
from orchestrator.storage.counters import Deltas
from orchestrator.storage.transitions import WalkChange, change_walks

_STOPPED = text("""
    select w.job_id, w.subtree, w.attempt, w.sequence, w.cursor
    from walks w join jobs j on j.id = w.job_id
    where w.ended_at is null and w.state = 'Stopped' and j.state in ('Pending', 'Started')
    order by w.job_id, w.subtree
    for update of w
""")


def requeue(tx: Connection, deltas: Deltas) -> None:
    """Fire Requeued at each of them."""
    before = DiscoveryState.STOPPED
    after = DISCOVERY.fire(before, DiscoveryEvent.REQUEUED)
    rows = tx.execute(_STOPPED).all()
    change_walks(
        tx,
        [
            WalkChange(row.job_id, row.subtree, row.attempt, before, after, row.sequence, row.cursor, None, None)
            for row in rows
        ],
    )
    for row in rows:
        deltas.move_walk(row.job_id, before, after)
