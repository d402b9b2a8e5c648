"""What time brings about by itself: holds that end, deadlines that pass, claims that lapse, waiting that is over."""

from typing import NamedTuple

from sqlalchemy import Connection, text

from orchestrator.services.control import Revoke, Wish, cancel, locked
from orchestrator.services.depend import NEWS, meet
from orchestrator.services.hold import EXPIRED, HUB
from orchestrator.services.hold import expire as expire_holds
from orchestrator.services.lapse import DUE, Lapsed, lapse

_PAST = """
  from jobs
  where ended_at is null and deadline <= statement_timestamp() and state <> 'Dequeuing' and kind = 'batch'
"""
_LATE = text(f"select id, deadline {_PAST} order by id")
# Most seconds bring none of these: one look spares them three transactions. It goes by the time of the statement, as an
# index can be asked for it.
_AFOOT = text(f"""
    select exists (select {EXPIRED}) or exists (select {_PAST}) as over, exists (select {NEWS}) as news,
      exists (select {DUE}) as due
""")


def expire(tx: Connection, revoke: Revoke) -> None:
    """Release the holds whose time is over, and cancel the jobs that are past their deadline."""
    expire_holds(tx)
    for row in tx.execute(_LATE).all():
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
        afoot = connection.execute(_AFOOT).one()
    met, lapsed = False, Lapsed(0, [])
    if afoot.over:
        with connection.begin():
            expire(connection, revoke)
    if afoot.news:
        with connection.begin():
            met = meet(connection)
    if afoot.due:
        with connection.begin():
            lapsed = lapse(connection)
    return Passed(met or lapsed.tasks > 0, lapsed.ended)
