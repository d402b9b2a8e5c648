"""What the sites offer: actions, in which pool and with which parameters, and ways to discover."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, text

from orchestrator.contracts.discovery_options import DISCOVERY_OPTIONS
from orchestrator.contracts.names import Function
from orchestrator.domain.fields import shown
from orchestrator.storage.tables import site_actions

BUILT_IN_DISCOVERIES = frozenset(DISCOVERY_OPTIONS) - {"given"}


class Offer(NamedTuple):
    """An action at one site."""

    function: str
    """The pool that runs it: ``worker``, unless the site has it only in another."""
    parameters: Mapping[str, Any]
    """JSON Schema of its parameters."""
    changes: Sequence[str] = ()
    """The parameters that name a folder in which it makes or changes files."""
    runs_in: str = ""
    """The pool that it asks for."""


@dataclass(frozen=True, slots=True)
class Offers:
    """What was ever offered, of the actions that were asked for."""

    sites: frozenset[str]
    actions: Mapping[str, Mapping[str, Offer]]
    """Action -> site -> how it is offered there."""
    names: frozenset[str]
    """Every action that there is, asked for or not."""
    discoveries: frozenset[str]
    pools: Mapping[tuple[str, str, str], Mapping[str, bool]] = field(default_factory=dict[Any, Any])
    """(action, site, queue) -> the pools there that offer it, and whether all their workers do."""

    def pool(self, action: str, site: str, queue: str, asked: str | None) -> str | None:
        """The function in which an action runs there: as the step asks, else as the action does, else as can be.

        None when there is none as the step asks.
        """
        offer, there = self.actions[action][site], self.pools.get((action, site, queue), {})
        if asked is not None:
            return asked if asked in there or (not there and asked == offer.function) else None
        wanted = [offer.runs_in, Function.WORKER, Function.CUSTOM, Function.INTERACTIVE]
        best = sorted((function for function in wanted if function in there), key=lambda one: not there[one])
        return best[0] if best else offer.function

    def unknown_action(self, name: str, site: str | None = None) -> str:
        """The reason for refusing an action."""
        if site is not None and name in self.actions:
            return f"unknown action {shown(name)} at site {site}; offered at {', '.join(sorted(self.actions[name]))}"
        close = get_close_matches(name, self.names, n=1)
        hint = f"did you mean {close[0]}?" if close else "no site offers it"
        return f"unknown action {shown(name)}: {hint}"


def load_offers(tx: Connection, actions: Collection[str]) -> Offers:
    """What the sites have said; the parameters of these actions only."""
    rows = tx.execute(
        select(site_actions)
        .where(site_actions.c.action.in_(set(actions)))
        .order_by(site_actions.c.function != Function.WORKER, site_actions.c.function)
    )
    offered: dict[str, dict[str, Offer]] = {}
    for row in rows:
        offer = Offer(row.function, row.parameters, row.changes, row.runs_in)
        offered.setdefault(row.action, {}).setdefault(row.site, offer)
    there = tx.execute(_THERE).one()
    return Offers(
        sites=frozenset(there.sites),
        actions=offered,
        names=frozenset(there.actions),
        discoveries=BUILT_IN_DISCOVERIES | set(there.discoveries),
        pools=_pools(tx, offered) if offered else {},
    )


_THERE = text("""
    select array(select name from sites) as sites, array(select distinct action from site_actions) as actions,
      array(select distinct unnest(discoveries) from nodes) as discoveries
""")


_POOLS = text("""
    select a.action, n.site, q.queue, n.function, bool_and(a.action = any(n.actions)) as whole
    from nodes n cross join unnest(n.queues) as q(queue) cross join unnest(cast(:actions as text[])) as a(action)
    where n.left_at is null and n.function <> 'discovery'
    group by 1, 2, 3, 4 having bool_or(a.action = any(n.actions))
""")


def _pools(tx: Connection, actions: Iterable[str]) -> dict[tuple[str, str, str], dict[str, bool]]:
    found: dict[tuple[str, str, str], dict[str, bool]] = {}
    for row in tx.execute(_POOLS, {"actions": list(actions)}):
        found.setdefault((row.action, row.site, row.queue), {})[row.function] = row.whole
    return found
