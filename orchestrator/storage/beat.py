"""The active hub's sign of life."""

from sqlalchemy import Connection, text


def beat(tx: Connection, hub: str) -> None:
    """Say that this hub is there, now."""
    tx.execute(_BEAT, {"hub": hub})


_BEAT = text("""
    insert into hub_heartbeat (id, hub, at) values (1, :hub, clock_timestamp())
    on conflict (id) do update set hub = excluded.hub, at = excluded.at
""")
