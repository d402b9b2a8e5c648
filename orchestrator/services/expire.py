"""What time brings about by itself: holds that end, deadlines that pass, claims that lapse, waiting that is over."""

from typing import NamedTuple

from sqlalchemy import Connection, text

from orchestrator.services.control import Revoke, Wish, cancel, locked
from orchestrator.services.depend import meet
from orchestrator.services.hold import HUB
from orchestrator.services.hold import expire as expire_holds
from orchestrator.services.lapse import lapse

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


class Passed(NamedTuple):
    """What has come about."""

    moved: bool
    """Something may now be handed out."""
    ended: list[int]
    """Jobs that have ended by it."""


def pass_time(connection: Connection, revoke: Revoke) -> Passed:
    """All of it, in a transaction each."""
    with connection.begin():
        expire(connection, revoke)
    with connection.begin():
        met = meet(connection)
    with connection.begin():
        lapsed = lapse(connection)
    return Passed(met or lapsed.tasks > 0, lapsed.ended)
