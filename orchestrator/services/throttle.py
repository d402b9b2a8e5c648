"""Limiting how much runs at once of what is running already; the hub keeps to it from its next turn on."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from orchestrator.contracts.faults import MOST
from orchestrator.contracts.limit import LimitsAsked
from orchestrator.contracts.workflow import WorkflowVersion
from orchestrator.domain.place import inside
from orchestrator.errors import Fault, Invalid
from orchestrator.services.define import keep_instead, read_workflow
from orchestrator.storage.audit import audit


def otherwise(max_running: Mapping[str, Any] | None, said: Mapping[str, Any]) -> dict[str, Any] | None:
    """A job's limits as its row keeps them, with what is said instead; None in it takes one away."""
    kept = {**(max_running or {}), **said}
    return {name: limit for name, limit in kept.items() if limit is not None} or None


def throttle(tx: Connection, name: str, asked: LimitsAsked, actor: str) -> WorkflowVersion:
    """Limit a workflow and its actions otherwise: in a version of its own, and in all its jobs that have not ended.

    NotFound when there is no such workflow, Invalid for an action that it does not have.
    """
    now = read_workflow(tx, name)
    used = {action.name for rule in now.filter_rules for action in rule.action if action.manual is None}
    if unknown := sorted(asked.actions.keys() - used):
        reason = f"is no action that workflow {name} has done at a site; these are: {', '.join(sorted(used)) or 'none'}"
        raise Invalid(
            "the limits can not be taken", [Fault(inside("$.actions", one), reason) for one in unknown[:MOST]]
        )
    changed = keep_instead(tx, name, asked.applied, actor)
    _tell_jobs(tx, name, asked)
    audit(tx, actor, "workflow.limit", name, detail=asked.model_dump(exclude_unset=True))
    return changed


def _tell_jobs(tx: Connection, workflow: str, asked: LimitsAsked) -> None:
    said = {"workflow": asked.max_running} if "max_running" in asked.model_fields_set else {}
    ids: list[int] = []
    kept: list[str | None] = []
    for job in tx.execute(_LIVE, {"workflow": workflow}):
        its_own = {action: n for action, n in asked.actions.items() if action in job.actions}
        before: dict[str, Any] = job.max_running or {}
        limits = otherwise(before, {**said, "actions": otherwise(before.get("actions"), its_own)})
        if limits != job.max_running:
            ids.append(job.id)
            kept.append(None if limits is None else msgspec.json.encode(limits).decode())
    if ids:
        tx.execute(_KEEP, {"ids": ids, "kept": kept})


# Of older versions, too: an action that a job does not have stays unmentioned in it.
_LIVE = text("""
    select j.id, j.max_running, array(
      select distinct s.action from job_steps s where s.job_id = j.id and s.function <> 'people') as actions
    from jobs j where j.workflow = :workflow and j.kind = 'batch' and j.ended_at is null order by j.id for update of j
""")
_KEEP = text("""
    update jobs j set max_running = cast(u.kept as jsonb)
    from unnest(cast(:ids as bigint[]), cast(:kept as text[])) as u(id, kept) where j.id = u.id
""")
