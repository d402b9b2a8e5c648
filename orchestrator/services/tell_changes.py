"""Telling what had to wait until everything was looked at: what has moved, and what is gone.

A move needs a path that is not there any more, and a new one with the same inode, size and time of modification.
What is gone is told from the bottom up, so that a folder comes after what was in it.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from orchestrator.contracts.parcel import RuleOrder
from orchestrator.services.chains import write_chains
from orchestrator.services.change import CREATED, DELETED, MOVED, Change, columns
from orchestrator.services.memory import Memory
from orchestrator.services.remember import read_memories, write_down
from orchestrator.services.sort import Rules
from orchestrator.storage.counters import Deltas

AT_ONCE = 2000
"""Paths of one turn."""


def tell_changes(
    tx: Connection, row: Row[Any], rules: Sequence[RuleOrder], memory: Memory, deltas: Deltas
) -> tuple[int, bytes | None]:
    """Tell some more; the number of the last entry that this made, and a cursor, None when all is told."""
    roots = {one.id: one.root for one in read_memories(tx, [bytes(row.memory)])}
    changes = _new(tx, row.job_id, roots) or _gone(tx, row.job_id, roots)
    if not changes:
        return row.sequence, None
    sorted_ = Rules(rules, columns).sort(changes)
    chains = sorted_.chains(row.job_id, row.subtree, row.sequence + 1)
    write_chains(tx, chains, memory.plan(tx, [row.job_id]) if chains else {}, deltas)
    if not row.dry:
        write_down(tx, sorted_.unmatched)
    deltas.jobs[row.job_id]["unmatched"] += len(sorted_.unmatched)
    return row.sequence + 1, b""


_TAKE = """
    delete from open_changes where ctid = any(array(
      select ctid from open_changes where job_id = :job and gone = {gone} order by depth {order} limit :most
    )) returning *
"""
_TAKE_NEW = text(_TAKE.format(gone="false", order=""))
_TAKE_GONE = text(_TAKE.format(gone="true", order="desc"))


def _new(tx: Connection, job: int, roots: dict[int, bytes]) -> list[Change]:
    rows = sorted(tx.execute(_TAKE_NEW, {"job": job, "most": AT_ONCE}), key=lambda row: (row.depth, row.name))
    if not rows:
        return []
    left = _missing(tx, job, rows)
    changes: list[Change] = []
    came: list[Any] = []
    for row in rows:
        change = _change(row, roots, CREATED)
        missing = left[row.memory, row.kind, change.stamp]
        if missing:
            was = missing.pop(0)
            came.append(was.at_ctid)
            change = change._replace(state=MOVED, moved_from=bytes(was.folder) + bytes(was.name))
        changes.append(change)
    tx.execute(_DROP, {"ctids": came})
    return changes


_MISSING = text("""
    select g.* from (
      select u.*, count(*) as n from unnest(cast(:memory as bigint[]), cast(:kind as text[]),
        cast(:inode as bigint[]), cast(:size as bigint[]), cast(:mtime_ns as bigint[]))
        as u(memory, kind, inode, size, mtime_ns) group by memory, kind, inode, size, mtime_ns
    ) u
    -- As many as there are new ones: objects that are alike may be many.
    cross join lateral (
      select cast(g.ctid as text) as at_ctid, g.memory, g.kind, g.folder, g.name, g.inode, g.size, g.mtime_ns
      from open_changes g where g.job_id = :job and g.gone and g.memory = u.memory and g.inode = u.inode
        and g.size = u.size and g.mtime_ns = u.mtime_ns and g.kind = u.kind
      order by g.folder, g.name limit u.n
    ) as g
    order by g.folder, g.name
""")
_AGREE = ("memory", "kind", "inode", "size", "mtime_ns")
_DROP = text("delete from open_changes where ctid = any(cast(:ctids as tid[]))")


def _missing(tx: Connection, job: int, rows: list[Row[Any]]) -> defaultdict[tuple[Any, ...], list[Row[Any]]]:
    """What is gone and could be one of these, by what has to agree. A name that is no text can not be told of."""
    left: defaultdict[tuple[Any, ...], list[Row[Any]]] = defaultdict(list)
    values = {column: [getattr(row, column) for row in rows] for column in _AGREE}
    for row in tx.execute(_MISSING, {"job": job, **values}):
        if _is_text(bytes(row.folder) + bytes(row.name)):
            left[row.memory, row.kind, (row.inode, row.size, row.mtime_ns)].append(row)
    return left


def _gone(tx: Connection, job: int, roots: dict[int, bytes]) -> list[Change]:
    rows = tx.execute(_TAKE_GONE, {"job": job, "most": AT_ONCE}).all()
    rows = sorted(rows, key=lambda row: (row.depth, row.name), reverse=True)
    return [_change(row, roots, DELETED) for row in rows]


def _change(row: Row[Any], roots: dict[int, bytes], state: str) -> Change:
    stamp = (row.inode, row.size, row.mtime_ns)
    return Change(row.memory, roots[row.memory], bytes(row.folder), bytes(row.name), row.kind, stamp, state)


def _is_text(path: bytes) -> bool:
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True
