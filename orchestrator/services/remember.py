"""Remembering changes that a chain came to a good end with, path by path: what failed is found again next time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import md5
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Row, text

from orchestrator.contracts.paths import PathList, indices, is_url, number, to_bits, unpack
from orchestrator.contracts.sighting import Stamp
from orchestrator.domain.chain import batch_of, step_of
from orchestrator.services.chains import Plan
from orchestrator.services.change import DELETED, Change
from orchestrator.services.decide import Task
from orchestrator.services.smooth import Smooth

_BAD = frozenset({"failed", "aborted"})


class Memory(NamedTuple):
    """What is remembered of one starting folder."""

    id: int
    key: bytes
    root: bytes


def good_ends(
    tasks: Iterable[Task], rows: Mapping[int, Row[Any]], well: Mapping[int, Smooth], plan: Plan
) -> dict[int, int]:
    """Batch -> which of its paths came to a good end this turn, a bit a path; only of jobs that remember."""
    ended: dict[int, int] = {}
    for id, (row, _, _) in well.items():
        links = plan[row.job_id, row.rule]
        if links[0].remembers and step_of(id) == len(links) - 1:
            ended[batch_of(id)] = number(row.given_bits, row.n)
    for task in tasks:
        if plan[task.job, task.rule][0].remembers and (good := _good(task, rows[task.id])):
            ended[batch_of(task.id)] = ended.get(batch_of(task.id), 0) | good
    return ended


def _good(task: Task, before: Row[Any]) -> int:
    """Those that were processed to the end of the chain, and those that were skipped and go no further."""
    settled = task.settled & ~number(before.settled_bits or b"", task.batch_size)
    for problem in task.problems:
        if problem.outcome in _BAD:
            settled &= ~(1 << problem.index)
    for which, _ in task.blamed:
        settled &= ~which
    return settled if task.step == task.last_step else settled & ~task.passed


_BATCHES = text("""
    select b.id, b.n, b.paths, d.memory from batches b join discoveries d on d.job_id = b.job_id
    where b.id = any(cast(:ids as bigint[])) order by b.id
""")


def remember(tx: Connection, ended: Mapping[int, int]) -> None:
    """Remember these paths of batches (``good_ends``) as they were when they were found."""
    if not ended:
        return
    batches = [(row, unpack(row.paths)) for row in tx.execute(_BATCHES, {"ids": list(ended)})]
    memories = read_memories(tx, {bytes(row.memory) for row, _ in batches})
    by_root = {(memory.key, memory.root): memory.id for memory in memories}
    changes: list[Change] = []
    for row, paths in batches:
        memory = by_root.get((bytes(row.memory), paths.base))
        if memory is not None:
            changes += _changes(memory, paths, indices(to_bits(ended[row.id], row.n), row.n))
    write_down(tx, changes)


def _changes(memory: int, paths: PathList, places: Iterable[int]) -> Iterator[Change]:
    for place in places:
        folder, name = split(paths.paths[place], paths.base)
        came_from = paths.moved_from[place] if paths.moved_from else None
        state = (paths.states[place] if paths.states else None) or ""
        yield Change(memory, paths.base, folder, name, paths.kinds[place], paths.stamps[place], state, came_from)


_MEMORIES = text("select id, key, root from memories where key = any(cast(:keys as bytea[]))")


def read_memories(tx: Connection, keys: Iterable[bytes]) -> list[Memory]:
    """All memories under these keys."""
    return [Memory(row.id, bytes(row.key), bytes(row.root)) for row in tx.execute(_MEMORIES, {"keys": list(keys)})]


_FORGET = text("""
    delete from remembered r using unnest(cast(:memory as bigint[]), cast(:at as uuid[]), cast(:name as bytea[]))
      as u(memory, at, name)
    where r.memory = u.memory and r.at = u.at and r.name = u.name
""")
_REMEMBER = text("""
    insert into remembered (memory, at, name, folder, kind, inode, size, mtime_ns)
    select * from unnest(cast(:memory as bigint[]), cast(:at as uuid[]), cast(:name as bytea[]),
      cast(:folder as bytea[]), cast(:kind as text[]),
      cast(:inode as bigint[]), cast(:size as bigint[]), cast(:mtime_ns as bigint[]))
    on conflict (memory, at, name) do update set
      kind = excluded.kind, inode = excluded.inode, size = excluded.size, mtime_ns = excluded.mtime_ns
""")


def write_down(tx: Connection, changes: Sequence[Change]) -> None:
    """From now on these are no news: what is gone is forgotten, as is where something moved from."""
    gone = {(c.memory, c.folder, c.name) for c in changes if c.state == DELETED}
    gone |= {(c.memory, *split(c.moved_from, c.base)) for c in changes if c.moved_from}
    there = {(c.memory, c.folder, c.name): c for c in changes if c.state != DELETED}
    if gone:
        tx.execute(_FORGET, keys(sorted(gone)))
    if there:
        tx.execute(_REMEMBER, keys(there) | stamps(list(there.values())))


def keys(places: Iterable[tuple[int, bytes, bytes]]) -> dict[str, list[Any]]:
    """(memory, folder, name) of paths, as the columns of their keys."""
    rows = list(places)
    return {
        "memory": [memory for memory, _, _ in rows],
        "at": [folder_key(folder) for _, folder, _ in rows],
        "name": [name for _, _, name in rows],
    }


def folder_key(folder: bytes) -> UUID:
    """Under which a folder is known: the database reckons the same, as ``md5(folder)::uuid``."""
    return UUID(bytes=md5(folder, usedforsecurity=False).digest())


def stamps(changes: Sequence[Change]) -> dict[str, list[Any]]:
    """The other columns."""
    seen: list[Stamp] = [change.stamp for change in changes]
    inode, size, mtime_ns = map(list, zip(*seen, strict=True))
    named = {"folder": [change.folder for change in changes], "kind": [change.kind for change in changes]}
    return named | {"inode": inode, "size": size, "mtime_ns": mtime_ns}


def split(path: bytes, base: bytes) -> tuple[bytes, bytes]:
    """The folder, with its slash, and the name; in a store, which has no folders, all that is below the base."""
    start = base + b"/"
    cut = len(start) if is_url(base) and path.startswith(start) else path.rfind(b"/") + 1
    return path[:cut], path[cut:]
