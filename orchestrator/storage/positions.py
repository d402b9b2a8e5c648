"""How far each site's streams have been applied: kept in the transaction that applied them."""

from collections.abc import Mapping

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from orchestrator.storage.tables import stream_positions


def read_positions(tx: Connection) -> dict[str, str]:
    """Stream -> the id of the last entry that was applied."""
    rows = tx.execute(select(stream_positions.c.stream, stream_positions.c.position))
    return {row.stream: row.position for row in rows}


def write_positions(tx: Connection, positions: Mapping[str, str]) -> None:
    """Move them on."""
    if not positions:
        return
    rows = [{"stream": stream, "position": position} for stream, position in sorted(positions.items())]
    move = insert(stream_positions)
    tx.execute(move.on_conflict_do_update(index_elements=["stream"], set_={"position": move.excluded.position}), rows)
