"""Which hub is active: one at a time, held by an advisory lock on the very connection that it writes with."""

import threading

from sqlalchemy import Connection, text

_LOCK = 0x0A1E_4B0B
_LOOK_S = 0.5


def become_active(connection: Connection, stop: threading.Event) -> bool:
    """Wait for the lock, which lasts as long as the connection; False when it is to stop before."""
    while not stop.is_set():
        with connection.begin():
            if connection.execute(text("select pg_try_advisory_lock(:lock)"), {"lock": _LOCK}).scalar():
                return True
        stop.wait(_LOOK_S)
    return False


def beat(tx: Connection, hub: str) -> None:
    """Say that this hub, the active one, is there now."""
    tx.execute(_BEAT, {"hub": hub})


_BEAT = text("""
    insert into hub_heartbeat (id, hub, at) values (1, :hub, clock_timestamp())
    on conflict (id) do update set hub = excluded.hub, at = excluded.at
""")
