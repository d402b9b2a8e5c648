"""Comparing what a walker saw in its folders with what is remembered of them.

What was created or modified is told at once. What is not there any more, and what is new and may be what is missing
elsewhere, waits in ``open_changes`` until everything has been looked at (tell_changes.py).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, text

from orchestrator.contracts.sighting import Sighting, Stamp, unpack_sightings
from orchestrator.services.chains import Chain
from orchestrator.services.change import CREATED, MODIFIED, Change, columns
from orchestrator.services.remember import folder_key, keys, read_memories, stamps, write_down
from orchestrator.services.sort import Rules, read_rules
from orchestrator.storage.counters import Deltas

_FOLDER = "d"


class Seen(NamedTuple):
    """An entry of a walk that looks for changes."""

    job: int
    subtree: int
    sequence: int
    sightings: bytes
    """Packed (contracts.sighting)."""


@dataclass(slots=True)
class _Found:
    """What one job's entries of this turn come to."""

    told: list[Change] = field(default_factory=list[Change])
    new: list[Change] = field(default_factory=list[Change])
    """Not remembered: created, or moved here."""
    gone: list[tuple[int, bytes, bytes]] = field(default_factory=list[tuple[int, bytes, bytes]])
    """(memory, folder, name) that are not there any more."""
    emptied: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    """(memory, folder) of which all is gone."""


def compare(tx: Connection, seen: Sequence[Seen], deltas: Deltas) -> list[Chain]:
    """The chains of what was found now; the jobs' rows are locked."""
    if not seen:
        return []
    jobs = {row.job_id: row for row in tx.execute(_JOBS, {"jobs": sorted({one.job for one in seen})})}
    memories = {(m.key, m.root): m.id for m in read_memories(tx, {bytes(row.memory) for row in jobs.values()})}
    chains: list[Chain] = []
    for one in seen:
        row = jobs[one.job]
        sightings = [
            (memory, sighting)
            for sighting in unpack_sightings(one.sightings)
            if (memory := memories.get((bytes(row.memory), sighting.base))) is not None
        ]
        found = _compare(tx, sightings)
        _keep_open(tx, one.job, found)
        sorted_ = Rules(read_rules(row.rules), columns).sort(found.told)
        chains += sorted_.chains(one.job, one.subtree, one.sequence)
        if not row.dry:
            write_down(tx, sorted_.unmatched)
        deltas.jobs[one.job]["unmatched"] += len(sorted_.unmatched)
    return chains


_JOBS = text("""
    select job_id, memory, rules, exists (select from forecasts f where f.job_id = d.job_id) as dry
    from discoveries d where job_id = any(cast(:jobs as bigint[]))
""")
_KNOWN = text("""
    select u.i, r.name, r.kind, r.inode, r.size, r.mtime_ns
    from unnest(cast(:memory as bigint[]), cast(:at as uuid[]), cast(:after as bytea[]), cast(:upto as bytea[]))
      with ordinality as u(memory, at, after, upto, i)
    join remembered r on r.memory = u.memory and r.at = u.at and r.name > u.after
      and (u.upto is null or r.name <= u.upto)
""")

_Known = dict[bytes, tuple[str, Stamp]]


def _compare(tx: Connection, sightings: Sequence[tuple[int, Sighting]]) -> _Found:
    known: defaultdict[int, _Known] = defaultdict(dict)
    values = {
        "memory": [memory for memory, _ in sightings],
        "at": [folder_key(sighting.folder) for _, sighting in sightings],
        "after": [sighting.after for _, sighting in sightings],
        "upto": [sighting.upto for _, sighting in sightings],
    }
    for row in tx.execute(_KNOWN, values):
        known[row.i - 1][bytes(row.name)] = (row.kind, (row.inode, row.size, row.mtime_ns))
    found = _Found()
    for place, (memory, sighting) in enumerate(sightings):
        _folder(memory, sighting, known[place], found)
    movable = _movable(tx, found.new)
    found.told += (change for place, change in enumerate(found.new) if place not in movable)
    found.new = [change for place, change in enumerate(found.new) if place in movable]
    return found


def _folder(memory: int, sighting: Sighting, known: _Known, found: _Found) -> None:
    folder = sighting.folder
    for name, kind, stamp in zip(sighting.names, sighting.kinds, sighting.stamps, strict=True):
        was = known.pop(name, None)
        if was == (kind, stamp) or (was is not None and was[0] == kind == _FOLDER):
            continue  # a folder changes with what is in it, and that is told of itself
        if was is None:
            found.new.append(Change(memory, sighting.base, folder, name, kind, stamp, CREATED))
            continue
        found.told.append(Change(memory, sighting.base, folder, name, kind, stamp, MODIFIED))
        if was[0] == _FOLDER:
            found.emptied.append((memory, folder + name + b"/"))
    if sighting.whole:
        for name, (kind, _) in known.items():
            found.gone.append((memory, folder, name))
            if kind == _FOLDER:
                found.emptied.append((memory, folder + name + b"/"))


_MOVABLE = text("""
    select u.i from unnest(cast(:memory as bigint[]), cast(:kind as text[]),
      cast(:inode as bigint[]), cast(:size as bigint[]), cast(:mtime_ns as bigint[]))
      with ordinality as u(memory, kind, inode, size, mtime_ns, i)
    -- One is enough: objects that are alike, such as those with nothing in them, may be many.
    cross join lateral (
      select from remembered r where r.memory = u.memory and r.inode = u.inode
        and r.size = u.size and r.mtime_ns = u.mtime_ns and r.kind = u.kind limit 1
    ) as one
    where u.kind <> 'd' and u.inode <> 0
""")


def _movable(tx: Connection, new: Sequence[Change]) -> set[int]:
    """Which of them are remembered elsewhere."""
    if not new:
        return set()
    values = stamps(new) | {"memory": [change.memory for change in new]}
    del values["folder"]
    return {i - 1 for i in tx.execute(_MOVABLE, values).scalars()}


_KEEP_NEW = text("""
    insert into open_changes (job_id, gone, depth, memory, at, name, folder, kind, inode, size, mtime_ns)
    select :job, false, octet_length(u.folder), u.* from unnest(cast(:memory as bigint[]), cast(:at as uuid[]),
      cast(:name as bytea[]), cast(:folder as bytea[]), cast(:kind as text[]),
      cast(:inode as bigint[]), cast(:size as bigint[]), cast(:mtime_ns as bigint[]))
      as u(memory, at, name, folder, kind, inode, size, mtime_ns)
    on conflict do nothing
""")
_KEEP_GONE = text("""
    insert into open_changes (job_id, gone, depth, memory, at, name, folder, kind, inode, size, mtime_ns)
    select :job, true, octet_length(r.folder), r.memory, r.at, r.name, r.folder, r.kind, r.inode, r.size, r.mtime_ns
    from unnest(cast(:memory as bigint[]), cast(:at as uuid[]), cast(:name as bytea[])) as u(memory, at, name)
    join remembered r on r.memory = u.memory and r.at = u.at and r.name = u.name
    on conflict do nothing
""")
_KEEP_BELOW = text(r"""
    with recursive below as (
      select r.* from unnest(cast(:memory as bigint[]), cast(:at as uuid[])) as u(memory, at)
      join remembered r on r.memory = u.memory and r.at = u.at
      union all
      select r.* from below b
      join remembered r on r.memory = b.memory and r.at = cast(md5(b.folder || b.name || cast('\x2f' as bytea)) as uuid)
      where b.kind = 'd'
    )
    insert into open_changes (job_id, gone, depth, memory, at, name, folder, kind, inode, size, mtime_ns)
    select :job, true, octet_length(folder), memory, at, name, folder, kind, inode, size, mtime_ns from below
    on conflict do nothing
""")


def _keep_open(tx: Connection, job: int, found: _Found) -> None:
    if found.new:
        places = keys((change.memory, change.folder, change.name) for change in found.new)
        tx.execute(_KEEP_NEW, {"job": job} | places | stamps(found.new))
    if found.gone:
        tx.execute(_KEEP_GONE, {"job": job} | keys(found.gone))
    if found.emptied:
        memory, folders = map(list, zip(*found.emptied, strict=True))
        tx.execute(_KEEP_BELOW, {"job": job, "memory": memory, "at": [folder_key(folder) for folder in folders]})
