"""What may be handed out, this turn, of jobs that are limited; others are not looked at."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection

from orchestrator.contracts.workflow import Workflow
from orchestrator.services.memory import Memory, Step
from orchestrator.storage.queries.limits import Limit, Scope, limits_of, read_out

UNLIMITED = 1 << 62


class Limited(NamedTuple):
    """A job that is limited, as its row says it."""

    workflow: str
    max_running: Mapping[str, Any]


class _Kept(NamedTuple):
    whole: list[Limit]
    actions: dict[str, Limit]
    action_of: dict[tuple[int, int], str]
    """(rule, step) -> action."""


def max_running_of(workflow: Workflow, job: int | None) -> dict[str, Any] | None:
    """The limits of a job of this workflow with one of its own, as its row keeps them; None = there is none."""
    actions: dict[str, int] = {}
    for action in (action for rule in workflow.filter_rules for action in rule.action):
        if (n := action.max_running) is not None:
            actions[action.name] = min(n, actions.get(action.name, n))
    limits = {"job": job, "workflow": workflow.max_running, "actions": actions or None}
    return {name: limit for name, limit in limits.items() if limit is not None} or None


@dataclass(slots=True)
class Limits:
    """The limits of these jobs, and what is out by now."""

    _jobs: dict[int, _Kept] = field(default_factory=dict[int, _Kept])
    _out: Counter[Scope] = field(default_factory=Counter[Scope])

    def full(self, job: int) -> bool:
        """Whether nothing more of it may be handed out."""
        kept = self._jobs.get(job)
        return kept is not None and self._room(kept.whole) == 0

    def full_actions(self, job: int) -> list[str]:
        """Of which of its actions nothing more may be."""
        kept = self._jobs.get(job)
        return [] if kept is None else [name for name, limit in kept.actions.items() if self._room([limit]) == 0]

    def room(self, step: Step) -> int:
        """How many parcels of this step may be handed out."""
        kept = self._jobs.get(step.job)
        return UNLIMITED if kept is None else self._room(_of_step(kept, step))

    def take(self, step: Step) -> None:
        """One more is."""
        if (kept := self._jobs.get(step.job)) is not None:
            self._out.update(limit.scope for limit in _of_step(kept, step))

    def _room(self, limits: list[Limit]) -> int:
        return max(0, min((limit.n - self._out[limit.scope] for limit in limits), default=UNLIMITED))


def read_limits(tx: Connection, limited: Mapping[int, Limited], memory: Memory) -> Limits:
    """The limits of these jobs; where there is none nothing is read."""
    if not limited:
        return Limits()
    plan = memory.plan(tx, limited)
    kept: dict[int, _Kept] = {}
    for job, one in limited.items():
        chains = {rule: links for (of, rule), links in plan.items() if of == job}
        actions = {(rule, step): link.action for rule, links in chains.items() for step, link in enumerate(links)}
        kept[job] = _Kept(*limits_of(job, one.workflow, one.max_running), actions)
    return Limits(kept, read_out(tx, (one.workflow for one in limited.values())))


def _of_step(kept: _Kept, step: Step) -> list[Limit]:
    limit = kept.actions.get(kept.action_of[step.rule, step.step])
    return kept.whole if limit is None else [*kept.whole, limit]
