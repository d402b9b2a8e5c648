"""Filling a redrive: the hub takes over, chunk by chunk, what the jobs before did not bring to a good end.

What is taken over is marked with the new job in the same transaction, so that nothing is done again twice, and nothing
is left out whenever this is interrupted. It goes by a walk of the hub's own (``walks.by_hub``), with its machine.
"""

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, text

from orchestrator.contracts.parcel import RuleOrder
from orchestrator.domain.batch_job import RUNNING
from orchestrator.domain.discovery import DISCOVERY, DiscoveryEvent, DiscoveryState
from orchestrator.services.chains import read_plan, write_chains
from orchestrator.services.fill import add_walks
from orchestrator.services.left import Taking, Wanted, take_rows, take_tasks, take_walks
from orchestrator.services.regroup import Leftovers
from orchestrator.storage.counters import Deltas
from orchestrator.storage.transitions import WalkChange, change_walks

WORKER = "hub"
_STAGES = (take_walks, take_rows, take_tasks)


class Place(msgspec.Struct, array_like=True):
    """How far a redrive has come, as its walk's cursor keeps it."""

    source: int = 0
    stage: int = 0
    task: int = -1
    index: int = -1


_LIVE = text("""
    select w.job_id, w.subtree, w.attempt, w.state, w.sequence, w.cursor, j.state as job_state, j.redrive, d.rules
    from walks w join jobs j on j.id = w.job_id join discoveries d on d.job_id = w.job_id
    where w.by_hub and w.ended_at is null and j.ended_at is null
    order by w.job_id for update of j
""")


def take_over(tx: Connection, deltas: Deltas) -> dict[int, DiscoveryState]:
    """One chunk of every redrive that is being filled: these jobs, whose rows are locked, and how their walks stand."""
    moved: dict[int, DiscoveryState] = {}
    for row in tx.execute(_LIVE).all():
        before = after = DiscoveryState(row.state)
        sequence, cursor = row.sequence, row.cursor
        if row.job_state in RUNNING and before is not DiscoveryState.STOPPED:
            if before is DiscoveryState.WAITING:
                after = DISCOVERY.fire(after, DiscoveryEvent.BEGUN)
            sequence, place = _chunk(tx, row, deltas)
            cursor = None if place is None else msgspec.msgpack.encode(place)
            if place is None:
                after = DISCOVERY.fire(after, DiscoveryEvent.EXHAUSTED)
        elif before is DiscoveryState.RUNNING:
            after = DISCOVERY.fire(after, DiscoveryEvent.HALTED)
        else:
            continue
        key = (row.job_id, row.subtree, row.attempt)
        change_walks(tx, [WalkChange(*key, before, after, sequence, cursor, WORKER, None)])
        deltas.move_walk(row.job_id, before, after)
        moved[row.job_id] = after
    return moved


def _chunk(tx: Connection, row: Row[Any], deltas: Deltas) -> tuple[int, Place | None]:
    """Take over some more; the number of the last batch that this made, and where to go on, None at the end."""
    place: Place | None = msgspec.msgpack.decode(row.cursor, type=Place) if row.cursor else Place()
    rules = msgspec.convert(row.rules, list[RuleOrder], strict=False)
    taking = Taking(row.job_id, msgspec.convert(row.redrive, Wanted), Leftovers(row.job_id, rules))
    while place is not None and not taking.walks and not taking.leftovers:
        place = _stage(tx, taking, place)
    chains = list(taking.leftovers.chains(row.subtree, row.sequence))
    write_chains(tx, chains, read_plan(tx, [row.job_id]) if chains else {}, deltas)
    deltas.jobs[row.job_id]["total"] += sum(chain.n for chain in chains)
    add_walks(tx, taking.walks, deltas)
    return row.sequence + len(chains), place


def _stage(tx: Connection, taking: Taking, place: Place) -> Place | None:
    """Look for one kind of thing that one job left; where to look next."""
    came_to = _STAGES[place.stage](tx, taking, taking.wanted.sources[place.source], (place.task, place.index))
    if came_to is not None:
        return Place(place.source, place.stage, *came_to)
    if place.stage + 1 < len(_STAGES):
        return Place(place.source, place.stage + 1)
    return Place(place.source + 1) if place.source + 1 < len(taking.wanted.sources) else None
