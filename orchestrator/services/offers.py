"""What the sites offer: actions, in which pool and with which parameters, and ways to discover."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, text

from orchestrator.contracts.names import Function
from orchestrator.domain.fields import shown
from orchestrator.storage.tables import site_actions

BUILT_IN_DISCOVERIES = frozenset({"recursive"})


class Offer(NamedTuple):
    """An action at one site."""

    function: str
    """The pool that runs it: ``worker``, unless the site has it only in another."""
    parameters: Mapping[str, Any]
    """JSON Schema of its parameters."""
    changes: Sequence[str] = ()
    """The parameters that name a folder in which it makes or changes files."""


@dataclass(frozen=True, slots=True)
class Offers:
    """What was ever offered, of the actions that were asked for."""

    sites: frozenset[str]
    actions: Mapping[str, Mapping[str, Offer]]
    """Action -> site -> how it is offered there."""
    names: frozenset[str]
    """Every action that there is, asked for or not."""
    discoveries: frozenset[str]

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
        offer = Offer(row.function, row.parameters, row.changes)
        offered.setdefault(row.action, {}).setdefault(row.site, offer)
    there = tx.execute(_THERE).one()
    return Offers(
        sites=frozenset(there.sites),
        actions=offered,
        names=frozenset(there.actions),
        discoveries=BUILT_IN_DISCOVERIES | set(there.discoveries),
    )


_THERE = text("""
    select array(select name from sites) as sites, array(select distinct action from site_actions) as actions,
      array(select distinct unnest(discoveries) from nodes) as discoveries
""")
