"""Messages that nobody claims: they were lost, stand in a queue that moves past them, or are not to be begun."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from orchestrator.contracts import names
from orchestrator.contracts.report import Item, Reports, Returned
from orchestrator.services.decide import HUB
from orchestrator.services.lease import LEASE_S
from orchestrator.storage.stances import closed

PATIENCE_S = 8.0
"""So long a message may lie unheard of before it is looked for: more than the period of announcements."""


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """A parcel or an order to walk that was handed out and not claimed, as far as the database knows."""

    id: str
    site: str
    queue: str
    """The Celery queue into which it was put."""
    silent_s: float
    """How long nothing was heard of it."""
    drains: bool
    """Its site, or its part of it, is being drained: it is taken back wherever it stands."""

    @property
    def lapsed(self) -> bool:
        """Whoever has claimed it has not said so for the time of a lease."""
        return self.silent_s >= LEASE_S


_PARCEL_DRAINS = f"(coalesce(s.draining, false) or {closed('p.site', 'p.queue', 'p.function', 'draining')})"
_PARCELS = f"""
    select p.id, p.site, p.queue, p.function, coalesce(l.epoch, 0) as epoch, {_PARCEL_DRAINS} as drains,
      extract(epoch from clock_timestamp() - p.heard_at)::float8 as silent_s
    from parcels p left join sites s on s.name = p.site
    left join lanes l on l.site = p.site and l.queue = p.queue and l.function = p.function
    where p.claimed_at is null
      and ({_PARCEL_DRAINS} or p.heard_at <= clock_timestamp() - make_interval(secs => :patience))
"""  # noqa: S608 - our own words

_WALKERS = f"'{names.Function.DISCOVERY}'"
_ORDER_DRAINS = f"(coalesce(s.draining, false) or {closed('d.site', 'd.queue', _WALKERS, 'draining')})"
_ORDERS = f"""
    select w.order_id, d.site, d.queue, 'discovery', coalesce(l.epoch, 0), {_ORDER_DRAINS},
      extract(epoch from clock_timestamp() - w.heard_at)::float8
    from walks w join discoveries d on d.job_id = w.job_id left join sites s on s.name = d.site
    left join lanes l on l.site = d.site and l.queue = d.queue and l.function = 'discovery'
    where w.ended_at is null and w.state = 'Waiting' and w.handed_at is not null
      and ({_ORDER_DRAINS} or w.heard_at <= clock_timestamp() - make_interval(secs => :patience))
"""  # noqa: S608 - as above

_UNCLAIMED = text(f"({_PARCELS} order by p.id limit 5000) union all ({_ORDERS} order by w.order_id limit 5000)")


def unclaimed(tx: Connection, patience_s: float = PATIENCE_S) -> list[Unclaimed]:
    """What has lain for longer than this; at a site that is being drained, for however short."""
    return [
        Unclaimed(row.id, row.site, names.queue(row.site, row.queue, row.function, row.epoch), row.silent_s, row.drains)
        for row in tx.execute(_UNCLAIMED, {"patience": patience_s})
    ]


_UNHEARD = text("""
    select id from parcels where claimed_at is null
    union all
    select order_id from walks where ended_at is null and state = 'Waiting' and handed_at is not null
""")


def unheard(tx: Connection) -> set[str]:
    """All messages that are out, and of whose claims nothing was heard."""
    return set(tx.execute(_UNHEARD).scalars())


_TASKS = text("select task_id, attempt, parcel from handouts where parcel = any(cast(:ids as text[])) order by task_id")

_GIVE_BACK = text("""
    update walks set handed_at = null
    where ended_at is null and order_id = any(cast(:ids as text[])) and state = 'Waiting' and handed_at is not null
""")


def give_back(tx: Connection, lost: Sequence[Unclaimed]) -> list[Reports]:
    """Let lost walks wait for a walker again; the reports that give lost tasks back."""
    ids = {"ids": [one.id for one in lost]}
    tx.execute(_GIVE_BACK, ids)
    by_id = {one.id: one for one in lost}
    items: defaultdict[str, list[Item]] = defaultdict(list)
    for row in tx.execute(_TASKS, ids):
        one = by_id[row.parcel]
        reason = "the site is being drained" if one.drains else "its message was lost"
        items[one.site].append(Returned(row.task_id, row.attempt, reason))
    return [Reports(site, HUB, some) for site, some in items.items()]
