"""What is with the sites, kept up to what they say: parcels, and the hand-outs in them."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from orchestrator.storage.arrays import array
from orchestrator.storage.together import write


def write_parcels(tx: Connection, done: Sequence[tuple[int, str]], began: Mapping[str, str | None]) -> None:
    """Of these (task, parcel) the sites have none any more, nor a parcel of which nothing is left.

    With the others the nodes have begun (parcel -> node).
    """
    if done:
        write(tx, _TAKE_BACK, {"tasks": array(task for task, _ in done)})
        write(tx, _DONE, {"parcels": sorted({parcel for _, parcel in done})})
    if began:
        write(tx, _CLAIMED, {"parcels": list(began), "nodes": list(began.values())})


_TAKE_BACK = text("delete from handouts where task_id = any(cast(:tasks as bigint[]))")

_DONE = text("""
    delete from parcels p where p.id = any(cast(:parcels as text[]))
      and not exists (select from handouts h where h.parcel = p.id)
""")

_CLAIMED = text("""
    update parcels set
      claimed_at = coalesce(claimed_at, clock_timestamp()), heard_at = clock_timestamp(), node = u.node
    from unnest(cast(:parcels as text[]), cast(:nodes as text[])) as u(id, node) where parcels.id = u.id
""")
