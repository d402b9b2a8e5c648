"""What has happened to jobs since a moment, whatever was going on at that moment.

A moment is a snapshot of PostgreSQL, as text (``1041:1044:1042``): which transactions could be seen. An entry of the
history is new when its transaction could not be.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from sqlalchemy import Connection, text

from orchestrator.contracts import views
from orchestrator.errors import Fault, Invalid

MOST = 2_000
"""Entries that are told after the event; who has missed more has to look anew."""
LONGEST_MARK = 4_000
_MARK = re.compile(r"(\d{1,18}):(\d{1,18}):((?:\d{1,18}(?:,\d{1,18})*)?)")

_NOW = text("select cast(pg_current_snapshot() as text)")
_KNOWN = text("""
    select pg_snapshot_xmax(cast(:mark as pg_snapshot)) <= pg_snapshot_xmax(pg_current_snapshot())
""")
_SINCE = text("""
    select h.job_id as job, h.seq, h.at, j.kind, j.name, j.workflow, j.site, j.owner, j.parent_id as parent,
      h.event, h.from_state as from_, h.to_state as to, h.actor, h.reason, h.comment
    from history h join jobs j on j.id = h.job_id and j.pruned_at is null
    where h.tx >= cast(cast(pg_snapshot_xmin(cast(:mark as pg_snapshot)) as text) as bigint)
      and h.tx < cast(cast(pg_snapshot_xmax(pg_current_snapshot()) as text) as bigint)
      and not pg_visible_in_snapshot(cast(cast(h.tx as text) as xid8), cast(:mark as pg_snapshot))
    order by h.at, h.job_id, h.seq limit :most
""")


def check_mark(mark: str) -> str:
    """The mark again, when it can be one; else Invalid."""
    parts = _MARK.fullmatch(mark) if len(mark) <= LONGEST_MARK else None
    if parts is not None:
        least, most = int(parts[1]), int(parts[2])
        open_ = [int(one) for one in parts[3].split(",") if one]
        ordered = all(one < other for one, other in pairwise(open_))
        if 0 < least <= most and ordered and all(least <= one < most for one in open_):
            return mark
    raise Invalid("the request is wrong", [Fault("header Last-Event-ID", "no id of an event of this stream")])


def read_happened(tx: Connection, marks: Collection[str]) -> tuple[str, Mapping[str, Sequence[views.Happened] | None]]:
    """The mark of now, and what has happened since each of these; None where that is too much, or not known."""
    return tx.execute(_NOW).scalar_one(), {mark: _since(tx, mark) for mark in marks}


def _since(tx: Connection, mark: str) -> Sequence[views.Happened] | None:
    if not tx.execute(_KNOWN, {"mark": mark}).scalar_one():
        return None  # of another database, or of this one before it was restored
    rows = tx.execute(_SINCE, {"mark": mark, "most": MOST + 1}).all()
    if len(rows) > MOST:
        return None
    return [views.Happened.model_validate(row, from_attributes=True) for row in rows]


_MOVES = text("""
    select h.job_id, h.seq, h.from_state, h.to_state
    from unnest(cast(:jobs as bigint[]), cast(:after as int[]), cast(:before as int[])) as u(job, after, before)
    join history h on h.job_id = u.job and h.seq > u.after and h.seq < u.before
    where h.to_state is not null order by h.job_id, h.seq limit :most
""")


def read_moves(tx: Connection, between: Mapping[int, tuple[int, int]]) -> list[tuple[int, int, str | None, str]]:
    """(job, seq, from, to) of each job's moves between two places in its history, both left out."""
    if not between:
        return []
    after, before = (list(some) for some in zip(*between.values(), strict=True))
    rows = tx.execute(_MOVES, {"jobs": list(between), "after": after, "before": before, "most": MOST})
    return [(row.job_id, row.seq, row.from_state, row.to_state) for row in rows]


_TOLD = text("""
    select j.ended_at is not null and :seq >= (select coalesce(max(seq), 0) from history where job_id = j.id)
    from jobs j where j.id = :job
""")


def has_been_told(tx: Connection, job_id: int, seq: int) -> bool:
    """Whether the job has ended, and nothing has happened to it behind that place in its history."""
    return bool(tx.execute(_TOLD, {"job": job_id, "seq": seq}).scalar_one_or_none())
