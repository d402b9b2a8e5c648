"""Whether a site is given work. What is asked for is only written down here; the hub goes by it at every turn.

Disabled, a site is given nothing new (lanes.py). Draining, what it has not begun is taken back as well (unclaimed.py),
and its walks stop at their next checkpoint (grant.py): so that it comes to have nothing.
"""

from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection, select, update

from orchestrator.errors import NotFound
from orchestrator.storage.audit import audit
from orchestrator.storage.tables import sites


class Stance(Enum):
    """What can be asked for: what the site's row then says."""

    ENABLE = (("enabled", True), ("draining", False))
    DISABLE = (("enabled", False),)
    DRAIN = (("draining", True),)


@dataclass(frozen=True, slots=True)
class Locked:
    """A site whose row is locked."""

    name: str
    enabled: bool
    draining: bool


def locked(tx: Connection, site: str) -> Locked:
    """Lock the site. NotFound when none of this name has announced itself."""
    query = select(sites.c.name, sites.c.enabled, sites.c.draining).where(sites.c.name == site).with_for_update()
    row = tx.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"no site {site!r} has announced itself")
    return Locked(row.name, row.enabled, row.draining)


def direct(tx: Connection, site: Locked, stance: Stance, actor: str, reason: str | None) -> None:
    """Let it be so, and write down who asked; what is so already is neither done nor written again."""
    if any(getattr(site, name) != value for name, value in stance.value):
        tx.execute(update(sites).where(sites.c.name == site.name).values(dict(stance.value)))
        audit(tx, actor, f"site.{stance.name.lower()}", site.name, reason)
