"""What is with the sites, kept up to what they say: parcels, and the hand-outs in them."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from orchestrator.services.decide import Task


def write_parcels(tx: Connection, touched: Sequence[Task]) -> None:
    """What ended is with the site no more, nor is a message of which nothing is left there."""
    if ended := [task for task in touched if not task.out]:
        tx.execute(_TAKE_BACK, {"tasks": [task.id for task in ended]})
        tx.execute(_DONE, {"parcels": sorted({task.parcel for task in ended})})
    if began := {task.parcel: task.worker for task in touched if task.started}:
        tx.execute(_CLAIMED, {"parcels": list(began), "nodes": list(began.values())})


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
