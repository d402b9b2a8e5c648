"""Filling a job that was given names which are no paths of a file system (addresses, ids): there is nothing to look at.

A site would report each of them as it came, of an unknown kind (workers/discovery/given.py). So the hub sorts them by
the rules itself, and the way to a walker and back is spared.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from orchestrator.contracts.parcel import RuleOrder
from orchestrator.contracts.paths import KINDS, PathList, pack, unpack
from orchestrator.domain.rules import ANY_STATE, RuleSet
from orchestrator.services.chains import Chain, write_chains
from orchestrator.services.memory import Memory
from orchestrator.storage.counters import Deltas

MOST_BATCHES = 500
"""Of one job in one turn: some tens of milliseconds."""
_UNKNOWN = KINDS["unknown"]


def are_names(paths: PathList) -> bool:
    """Whether none of them is a path of a file system."""
    return not any(path.startswith(b"/") for path in paths.paths)


def name_paths(
    tx: Connection, walk: Row[Any], rules: Sequence[RuleOrder], memory: Memory, deltas: Deltas
) -> tuple[int, bytes | None]:
    """Some more of them; the number of the entry that this makes, and the cursor to go on from (None: that was all)."""
    start, begin = unpack(walk.input), int(walk.cursor or b"0")
    batches, unmatched, end = _cut(start, begin, rules)
    sequence, job = walk.sequence + 1, walk.job_id
    chains = [
        Chain(job, rule, walk.subtree, sequence, len(places), _packed(start, places), place=place)
        for place, (rule, places) in enumerate(batches)
    ]
    write_chains(tx, chains, memory.plan(tx, [job]), deltas)
    deltas.jobs[job]["unmatched"] += unmatched
    return sequence, None if end == len(start) else b"%d" % end


def _cut(start: PathList, begin: int, rules: Sequence[RuleOrder]) -> tuple[list[tuple[int, list[int]]], int, int]:
    """Batches (rule, places) from there on, how many paths took no rule, and the place at which to go on."""
    rule_of, sizes = _sorter(start, rules), [max(1, rule.batch_size) for rule in rules]
    whole: list[tuple[int, list[int]]] = []
    rest: dict[int, list[int]] = {}
    unmatched, place = 0, begin
    while place < len(start) and len(whole) < MOST_BATCHES:
        rule = rule_of(place)
        if rule is None:
            unmatched += 1
        else:
            batch = rest.setdefault(rule, [])
            batch.append(place)
            if len(batch) == sizes[rule]:
                whole.append((rule, rest.pop(rule)))
        place += 1
    return whole + sorted(rest.items()), unmatched, place


def _sorter(start: PathList, orders: Sequence[RuleOrder]) -> Callable[[int], int | None]:
    """What tells the rule of the path at a place."""
    rules = RuleSet(orders)
    if not any(order.include or order.exclude or order.state != ANY_STATE for order in orders):
        only = rules.match(b"", _UNKNOWN)
        return lambda _place: only
    paths, states = start.paths, start.states
    return lambda place: rules.match(paths[place], _UNKNOWN, states[place] if states else None)


def _packed(start: PathList, places: Sequence[int]) -> bytes:
    paths = [start.paths[place] for place in places]
    if not (start.states or start.sizes):
        return pack(PathList(paths))
    states = [start.states[place] for place in places] if start.states else []
    sizes = [start.sizes[place] for place in places] if start.sizes else []
    return pack(PathList(paths, "", states if any(states) else [], sizes if any(n is not None for n in sizes) else []))
