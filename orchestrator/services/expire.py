"""What time brings about by itself: holds that end, deadlines that pass, claims that lapse, waiting that is over."""

import time
from typing import NamedTuple

from sqlalchemy import Connection, text

from orchestrator.services.control import Revoke, Wish, cancel, locked
from orchestrator.services.depend import NEWS, meet
from orchestrator.services.hold import EXPIRED, HUB
from orchestrator.services.hold import expire as expire_holds
from orchestrator.services.lapse import DUE, Lapsed, lapse
from orchestrator.services.sift import MOST_TASKS, OVER, let_go

_LET_GO_S = 0.2
"""Of each second: what comes in meanwhile waits."""
_PAST = """
  from jobs
  where ended_at is null and deadline <= statement_timestamp() and state <> 'Dequeuing' and kind = 'batch'
"""
_LATE = text(f"select id, deadline {_PAST} order by id")
# Most seconds bring none of these: one look spares them three transactions. It goes by the time of the statement, as an
# index can be asked for it.
_AFOOT = text(f"""
    select exists (select {EXPIRED}) or exists (select {_PAST}) as over, exists (select {NEWS}) as news,
      exists (select {DUE}) as due, exists (select {OVER}) as let_go
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
    freed = bool(afoot.let_go) and _let_go(connection)
    return Passed(met or freed or lapsed.tasks > 0, lapsed.ended)


def _let_go(connection: Connection) -> bool:
    """Free what holds of paths kept back, some thousands a second of it; whether there was any."""
    began, freed = time.monotonic(), False
    while time.monotonic() - began < _LET_GO_S:
        with connection.begin():
            n = let_go(connection)
        freed = freed or n > 0
        if n < MOST_TASKS:
            break
    return freed
