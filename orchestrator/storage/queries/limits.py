"""Limits on what runs at once: of a job, of a workflow, and of an action within a workflow; and how far each is used.

The tasks of a parcel run one after the other, so what is counted is parcels, from their hand-out on.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

Scope = tuple[str, str | int, str]
"""What a limit is of: ("job", id, ""), ("workflow", name, "") or ("action", workflow, name)."""


class Limit(NamedTuple):
    """At most so many at once."""

    scope: Scope
    n: int


def limits_of(job: int, workflow: str, max_running: Mapping[str, Any]) -> tuple[list[Limit], dict[str, Limit]]:
    """The limits that a job keeps to, as its row has them: those of all its tasks, and by action."""
    whole: list[Limit] = []
    if (n := max_running.get("job")) is not None:
        whole.append(Limit(("job", job, ""), n))
    if (n := max_running.get("workflow")) is not None:
        whole.append(Limit(("workflow", workflow, ""), n))
    actions: Mapping[str, int] = max_running.get("actions", {})
    return whole, {name: Limit(("action", workflow, name), n) for name, n in actions.items()}


def read_out(tx: Connection, workflows: Iterable[str]) -> Counter[Scope]:
    """How many parcels of these workflows are out, by each scope that a limit can be of."""
    out = Counter[Scope]()
    for row in tx.execute(_OUT, {"workflows": sorted(set(workflows))}):
        out["job", row.job_id, ""] += row.n
        out["workflow", row.workflow, ""] += row.n
        out["action", row.workflow, row.action] += row.n
    return out


# Parcels are few, whatever the size of a job; the tasks of one are all of one step.
_OUT = text("""
    select p.job_id, j.workflow, s.action, count(*)::int as n
    from parcels p
    join jobs j on j.id = p.job_id
    cross join lateral (select task_id from handouts where parcel = p.id limit 1) h
    join tasks t on t.id = h.task_id
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & 63)
    where j.workflow = any(cast(:workflows as text[]))
    group by 1, 2, 3
""")
