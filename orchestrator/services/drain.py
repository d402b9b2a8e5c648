"""Whether a site, or a part of it, is given work. What is asked for is only written down here; the hub goes by it.

Disabled, it is given nothing new (lanes.py). Draining, what it has not begun is taken back as well (unclaimed.py), and
its walks stop at their next checkpoint (grant.py): so that it comes to have nothing. A part is a queue, a function, or
a queue's function; what is said of a part holds beside what is said of the site.
"""

from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from orchestrator.contracts.names import Function
from orchestrator.errors import NotFound
from orchestrator.storage.audit import audit
from orchestrator.storage.tables import sites, stances


class Stance(Enum):
    """What can be asked for: what the site's row then says."""

    ENABLE = (("enabled", True), ("draining", False))
    DISABLE = (("enabled", False),)
    DRAIN = (("draining", True),)


@dataclass(frozen=True, slots=True)
class Part:
    """What of a site is meant; nothing said is all of it."""

    queue: str | None = None
    function: Function | None = None

    def __bool__(self) -> bool:
        return self.queue is not None or self.function is not None

    def of(self, site: str) -> str:
        """Its name, as the audit has it."""
        said = [word for word in (self.queue, self.function and self.function.value) if word]
        return ".".join([site, *said])


WHOLE = Part()


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


def direct(tx: Connection, site: Locked, stance: Stance, actor: str, reason: str | None, part: Part = WHOLE) -> None:
    """Let it be so, and write down who asked; what is so already is neither done nor written again."""
    if part:
        changed = _direct_part(tx, site.name, stance, part)
    else:
        changed = any(getattr(site, name) != value for name, value in stance.value)
        if changed:
            tx.execute(update(sites).where(sites.c.name == site.name).values(dict(stance.value)))
    if changed:
        audit(tx, actor, f"site.{stance.name.lower()}", part.of(site.name), reason)


def _direct_part(tx: Connection, site: str, stance: Stance, part: Part) -> bool:
    """Whether that was something new."""
    place = {"site": site, "queue": part.queue or "", "function": part.function or ""}
    if stance is Stance.ENABLE:
        ended = delete(stances).filter_by(**place).returning(stances.c.site)
        return tx.execute(ended).one_or_none() is not None
    word = "draining" if stance is Stance.DRAIN else "disabled"
    said = insert(stances).values(**place, **{word: True})
    said = said.on_conflict_do_update(
        index_elements=["site", "queue", "function"], set_={word: True}, where=~stances.c[word]
    )
    return tx.execute(said.returning(stances.c.site)).one_or_none() is not None
