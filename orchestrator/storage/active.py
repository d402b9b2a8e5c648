"""Which hub is active: one at a time, held by an advisory lock on the very connection that it writes with."""

import threading
from typing import NamedTuple

from sqlalchemy import Connection, text

_LOCK = 0x0A1E_4B0B
NAME = "orchestrator hub"
"""What PostgreSQL knows the hubs' connections by."""
_LOOK_S = 0.5


def become_active(connection: Connection, stop: threading.Event) -> bool:
    """Wait for the lock, which lasts as long as the connection; False when it is to stop before."""
    while not stop.is_set():
        with connection.begin():
            if connection.execute(text("select pg_try_advisory_lock(:lock)"), {"lock": _LOCK}).scalar():
                return True
        stop.wait(_LOOK_S)
    return False


class Hubs(NamedTuple):
    """How many there are."""

    active: int
    """Has the lock: 1, or 0 while there is none."""
    standby: int
    """Waits for it."""


def read_hubs(tx: Connection) -> Hubs:
    """The hubs that are connected, as PostgreSQL itself sees them."""
    return Hubs(*tx.execute(_HUBS, {"lock": _LOCK, "name": NAME}).one())


# A lock of 64 bits is shown in two halves; the upper half of ours is 0.
_HUBS = text("""
    select count(*) filter (where l.pid is not null)::int as active,
      count(*) filter (where l.pid is null)::int as standby
    from pg_stat_activity a
    left join pg_locks l on l.pid = a.pid and l.locktype = 'advisory' and l.database = a.datid
      and l.classid = 0 and l.objid = cast(:lock as bigint) and l.granted
    where a.datname = current_database() and a.application_name = :name
""")


def beat(tx: Connection, hub: str) -> None:
    """Say that this hub, the active one, is there now."""
    tx.execute(_BEAT, {"hub": hub})


_BEAT = text("""
    insert into hub_heartbeat (id, hub, at) values (1, :hub, clock_timestamp())
    on conflict (id) do update set hub = excluded.hub, at = excluded.at
""")
