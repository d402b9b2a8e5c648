"""Hand-outs that nobody claims: their message was lost, stands in a queue that moves past it, or is not to be begun."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from orchestrator.contracts import names
from orchestrator.contracts.claims import Hand, task_field, walk_field
from orchestrator.contracts.report import Item, Reports, Returned
from orchestrator.services.lease import LEASE_S

PATIENCE_S = 8.0
"""So long a hand-out may lie unheard of before it is looked for: more than the period of announcements."""


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """A task or a walk that was handed out and not claimed, as far as the database knows."""

    site: str
    queue: str
    """The Celery queue into which it was put."""
    hand: Hand
    silent_s: float
    """How long nothing was heard of it."""
    task: int | None
    walk: tuple[int, int] | None
    drains: bool = False
    """Its site is being drained: it is taken back wherever it stands."""

    @property
    def lapsed(self) -> bool:
        """Whoever has claimed it has not said so for the time of a lease."""
        return self.silent_s >= LEASE_S


_TASKS = text("""
    select h.task_id, h.attempt, h.site, h.queue, h.function, coalesce(s.draining, false) as drains,
      coalesce(l.epoch, 0) as epoch,
      extract(epoch from clock_timestamp() - h.heard_at)::float8 as silent_s
    from handouts h left join sites s on s.name = h.site
    left join lanes l on l.site = h.site and l.queue = h.queue and l.function = h.function
    where h.claimed_at is null and (s.draining or h.heard_at <= clock_timestamp() - make_interval(secs => :patience))
    order by h.task_id limit 5000
""")

_WALKS = text("""
    select w.job_id, w.subtree, w.attempt, d.site, d.queue, coalesce(s.draining, false) as drains,
      coalesce(l.epoch, 0) as epoch,
      extract(epoch from clock_timestamp() - w.heard_at)::float8 as silent_s
    from walks w join discoveries d on d.job_id = w.job_id left join sites s on s.name = d.site
    left join lanes l on l.site = d.site and l.queue = d.queue and l.function = 'discovery'
    where w.ended_at is null and w.state = 'Waiting' and w.handed_at is not null
      and (s.draining or w.heard_at <= clock_timestamp() - make_interval(secs => :patience))
    order by w.job_id, w.subtree limit 5000
""")


def unclaimed(tx: Connection, patience_s: float = PATIENCE_S) -> list[Unclaimed]:
    """What has lain for longer than this; at a site that is being drained, for however short."""
    tasks = [
        Unclaimed(
            row.site,
            names.queue(row.site, row.queue, row.function, row.epoch),
            Hand(task_field(row.task_id), row.attempt),
            row.silent_s,
            row.task_id,
            None,
            row.drains,
        )
        for row in tx.execute(_TASKS, {"patience": patience_s})
    ]
    walks = [
        Unclaimed(
            row.site,
            names.queue(row.site, row.queue, names.Function.DISCOVERY, row.epoch),
            Hand(walk_field(row.job_id, row.subtree), row.attempt),
            row.silent_s,
            None,
            (row.job_id, row.subtree),
            row.drains,
        )
        for row in tx.execute(_WALKS, {"patience": patience_s})
    ]
    return tasks + walks


def returned(lost: Iterable[Unclaimed]) -> list[Reports]:
    """The reports that give lost tasks back."""
    items: defaultdict[str, list[Item]] = defaultdict(list)
    for one in lost:
        if one.task is not None:
            reason = "the site is being drained" if one.drains else "its message was lost"
            items[one.site].append(Returned(one.task, one.hand.attempt, reason))
    return [Reports(site, "hub", some) for site, some in items.items()]


_GIVE_BACK = text("""
    update walks set handed_at = null
    from unnest(cast(:job as bigint[]), cast(:subtree as int[]), cast(:attempt as int[])) as u(job, subtree, attempt)
    where walks.job_id = u.job and walks.subtree = u.subtree and walks.attempt = u.attempt and walks.state = 'Waiting'
""")


def give_back_walks(tx: Connection, lost: Sequence[Unclaimed]) -> None:
    """Let lost walks wait for a walker again."""
    walks = [(one.walk, one.hand.attempt) for one in lost if one.walk is not None]
    if walks:
        tx.execute(
            _GIVE_BACK,
            {
                "job": [walk[0] for walk, _ in walks],
                "subtree": [walk[1] for walk, _ in walks],
                "attempt": [attempt for _, attempt in walks],
            },
        )
