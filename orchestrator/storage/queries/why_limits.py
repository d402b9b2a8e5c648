"""Which limit on what runs at once keeps a job or a task waiting."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row

from orchestrator.contracts.views import Cause
from orchestrator.storage.queries.limits import Scope, limits_of, read_out


def limit_causes(tx: Connection, job: Row[Any], action: str | None = None) -> Iterator[Cause]:
    """Every limit that has been reached: of all the job's actions, or of one of them."""
    if job.max_running is None or job.open_tasks == job.out:
        return
    whole, actions = limits_of(job.id, job.workflow, job.max_running)
    out = read_out(tx, [job.workflow])
    of_actions = actions.values() if action is None else [actions[action]] if action in actions else []
    for limit in (*whole, *of_actions):
        if (running := out[limit.scope]) >= limit.n:
            detail = f"at most {limit.n} tasks of {_name(limit.scope)} run at once (max_running), and {running} do"
            yield Cause(cause="limit", detail=detail, frees="the end of one of them")


def _name(scope: Scope) -> str:
    kind, of, action = scope
    return f"the action {action} in workflow {of}" if kind == "action" else f"{kind} {of}"
