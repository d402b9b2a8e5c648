"""Filling a redrive: the hub takes over, chunk by chunk, what the jobs before did not bring to a good end.

What is taken over is marked with the new job in the same transaction, so that nothing is done again twice, and nothing
is left out whenever this is interrupted. It goes by a walk of the hub's own (own_walks.py).
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from orchestrator.contracts.parcel import RuleOrder
from orchestrator.services.chains import write_chains
from orchestrator.services.fill import add_walks
from orchestrator.services.left import Taking, Wanted, take_rows, take_tasks, take_walks
from orchestrator.services.memory import Memory
from orchestrator.services.regroup import Leftovers
from orchestrator.storage.counters import Deltas

_STAGES = (take_walks, take_rows, take_tasks)


class Place(msgspec.Struct, array_like=True):
    """How far a redrive has come, as its walk's cursor keeps it."""

    source: int = 0
    stage: int = 0
    task: int = -1
    index: int = -1


def take_over(
    tx: Connection, row: Row[Any], rules: Sequence[RuleOrder], memory: Memory, deltas: Deltas
) -> tuple[int, bytes | None]:
    """Take over some more; the number of the last batch that this made, and the cursor to go on from (None: all is)."""
    place: Place | None = msgspec.msgpack.decode(row.cursor, type=Place) if row.cursor else Place()
    taking = Taking(row.job_id, msgspec.convert(row.redrive, Wanted), Leftovers(row.job_id, rules))
    while place is not None and not taking.walks and not taking.leftovers:
        place = _stage(tx, taking, place)
    chains = list(taking.leftovers.chains(row.subtree, row.sequence))
    write_chains(tx, chains, memory.plan(tx, [row.job_id]) if chains else {}, deltas)
    add_walks(tx, taking.walks, deltas)
    return row.sequence + len(chains), None if place is None else msgspec.msgpack.encode(place)


def _stage(tx: Connection, taking: Taking, place: Place) -> Place | None:
    """Look for one kind of thing that one job left; where to look next."""
    came_to = _STAGES[place.stage](tx, taking, taking.wanted.sources[place.source], (place.task, place.index))
    if came_to is not None:
        return Place(place.source, place.stage, *came_to)
    if place.stage + 1 < len(_STAGES):
        return Place(place.source, place.stage + 1)
    return Place(place.source + 1) if place.source + 1 < len(taking.wanted.sources) else None
