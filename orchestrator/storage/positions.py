"""How far each site's streams have been applied: kept in the transaction that applied them."""

from collections.abc import Mapping

from sqlalchemy import Connection, select, text

from orchestrator.storage.tables import sites, stream_positions
from orchestrator.storage.together import write


def read_sites(tx: Connection) -> list[str]:
    """Every site that was ever heard, whether or not the broker still knows of it."""
    return list(tx.execute(select(sites.c.name)).scalars())


def read_positions(tx: Connection) -> dict[str, str]:
    """Stream -> the id of the last entry that was applied."""
    rows = tx.execute(select(stream_positions.c.stream, stream_positions.c.position))
    return {row.stream: row.position for row in rows}


_MOVE = text("""
    insert into stream_positions (stream, position)
    select * from unnest(cast(:streams as text[]), cast(:positions as text[])) as u(stream, position)
    on conflict (stream) do update set position = excluded.position
""")


def write_positions(tx: Connection, positions: Mapping[str, str]) -> None:
    """Move them on."""
    if positions:
        streams = sorted(positions)
        write(tx, _MOVE, {"streams": streams, "positions": [positions[stream] for stream in streams]})
