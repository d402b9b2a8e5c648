"""The hub's pulse: when the active one last finished a turn."""

from sqlalchemy import Connection, text

_BEAT = text("""
    insert into hub_heartbeat (id, hub, at) values (1, :hub, clock_timestamp())
    on conflict (id) do update set hub = excluded.hub, at = excluded.at
""")


def beat(tx: Connection, hub: str) -> None:
    """Say that this hub lives, and is the active one."""
    tx.execute(_BEAT, {"hub": hub})
