"""What time brings about by itself: holds that end, and jobs whose deadline has passed."""

from sqlalchemy import Connection, text

from orchestrator.services.control import Revoke, Wish, cancel, locked
from orchestrator.services.hold import HUB
from orchestrator.services.hold import expire as expire_holds

_PAST = text("""
    select id, deadline from jobs
    where ended_at is null and deadline <= clock_timestamp() and state <> 'Dequeuing' and kind = 'batch' order by id
""")


def expire(tx: Connection, revoke: Revoke) -> None:
    """Release the holds whose time is over, and cancel the jobs that are past their deadline."""
    expire_holds(tx)
    for row in tx.execute(_PAST).all():
        reason = f"its deadline, {row.deadline:%Y-%m-%d %H:%M:%S} UTC, has passed"
        cancel(tx, locked(tx, row.id, Wish.CANCEL), HUB, reason, revoke)
