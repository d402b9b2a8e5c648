"""Failures that are alike, counted: of one job, and wherever they were."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, text, tuple_

from orchestrator.contracts import views
from orchestrator.contracts.text import path_json
from orchestrator.storage.queries.keyset import decode, encode, page
from orchestrator.storage.tables import error_groups

LOOKED_THROUGH = 100_000
"""Groups of single jobs, the newest ones, that are put together: some tenths of a second."""
JOBS = 10
"""At most so many are named."""


def list_errors(tx: Connection, job_id: int, limit: int, cursor: str | None = None) -> views.Page[views.ErrorGroup]:
    """A job's failures by likeness, those with the most paths first."""
    groups = error_groups.c
    order = tuple_(-groups.paths, groups.fingerprint, groups.rule, groups.step)
    query = select(error_groups).where(groups.job_id == job_id)
    query = query.order_by(groups.paths.desc(), groups.fingerprint, groups.rule, groups.step)
    if cursor is not None:
        query = query.where(order > tuple_(*decode(cursor, "errors of a job", int, str, int, int)))
    return page(
        tx, query, "errors of a job", limit, _group, lambda row: [-row.paths, row.fingerprint, row.rule, row.step]
    )


def _group(row: Row[Any]) -> views.ErrorGroup:
    in_discovery = row.step < 0
    return views.ErrorGroup(
        fingerprint=row.fingerprint,
        action=row.action,
        rule=None if in_discovery else row.rule,
        step=None if in_discovery else row.step,
        error_class=row.error_class,
        message=row.message,
        paths=row.paths,
        example_paths=[path_json(bytes(path)) for path in row.examples],
        hosts=row.hosts,
        first_at=row.first_at,
        last_at=row.last_at,
    )


@dataclass(frozen=True, slots=True)
class Where:
    """Which failures: those that match one value of every filter that has any."""

    since: datetime
    """Seen after that."""
    until: datetime | None = None
    workflow: Sequence[str] | None = None
    site: Sequence[str] | None = None
    fingerprint: Sequence[str] | None = None


_SEEN = text("""
    with told as (
      select g.*, j.workflow, nullif(coalesce(s.site, j.site), '') as site
      from (
        select * from error_groups
        where last_at >= :since and (cast(:until as timestamptz) is null or first_at < cast(:until as timestamptz))
        order by last_at desc limit :through
      ) g
      join jobs j on j.id = g.job_id and j.pruned_at is null
      left join job_steps s on s.job_id = g.job_id and s.rule = g.rule and s.step = g.step
    )
    select fingerprint, min(action) as action, min(step) as step, min(error_class) as error_class,
      (array_agg(message order by last_at desc))[1] as message, sum(paths)::bigint as paths,
      count(distinct job_id) as jobs,
      (array_agg(distinct job_id order by job_id desc))[1:cast(:jobs as int)] as job_ids,
      coalesce(array_agg(distinct workflow) filter (where workflow is not null), '{}') as workflows,
      coalesce(array_agg(distinct site) filter (where site is not null), '{}') as sites,
      min(first_at) as first_at, max(last_at) as last_at
    from told
    where (cast(:workflow as text[]) is null or workflow = any(cast(:workflow as text[])))
      and (cast(:site as text[]) is null or site = any(cast(:site as text[])))
      and (cast(:fingerprint as text[]) is null or fingerprint = any(cast(:fingerprint as text[])))
    group by fingerprint
    having (-sum(paths), fingerprint) > (:paths, :print)
    order by sum(paths) desc, fingerprint limit :most
""")
_FIRST = (-(2**62), "")


def list_seen(tx: Connection, where: Where, limit: int, cursor: str | None = None) -> views.Page[views.ErrorSeen]:
    """Failures that are alike across jobs, those with the most paths first."""
    paths, print_ = _FIRST if cursor is None else decode(cursor, "errors", int, str)
    asked = {"paths": paths, "print": print_, "most": limit + 1, "through": LOOKED_THROUGH, "jobs": JOBS}
    rows = tx.execute(_SEEN, asked | asdict(where)).all()
    items = [_seen(row) for row in rows[:limit]]
    last = rows[limit - 1] if len(rows) > limit else None
    return views.Page[views.ErrorSeen](
        items=items, next_cursor=None if last is None else encode("errors", [-last.paths, last.fingerprint])
    )


def _seen(row: Row[Any]) -> views.ErrorSeen:
    told: dict[str, Any] = {name: getattr(row, name) for name in views.ErrorSeen.model_fields}
    told["step"] = None if row.step < 0 else row.step
    return views.ErrorSeen(**told)
