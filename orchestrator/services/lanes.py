"""Lanes: a queue's function at a site, and how much it can take.

Few tasks are with a site at a time, so that pause, cancel and priority act at once; the rest waits in ``ready``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from orchestrator.domain.pace import PARCEL_S
from orchestrator.services.hold import PATHS_HELD, held, lane_held
from orchestrator.storage.stances import closed

NODE_SILENT_S = 15
"""A node that has not been heard of for so long is given nothing."""
AHEAD = 2
"""Parcels with a site for each process that runs them: one runs, one waits at hand."""
MOST_AHEAD = 64
"""The same for parcels that are as large as they may be, as long as all of them together take no longer."""
EXPIRES_S = 7 * 24 * 3600.0
"""A message that is older is refused; hand-outs are made anew long before."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A queue's function at a site: how many can run there at once, and how many parcels it has been handed."""

    site: str
    queue: str
    function: str
    concurrency: int
    out: int
    out_s: float
    """What these might take, in seconds."""
    epoch: int = 0
    """In its queue's name."""
    partial: tuple[str, ...] = ()
    """Actions that some of its workers offer, and some do not: a queue can not choose among those who serve it."""
    held: bool = False
    """All that would go there, whoever's it is: nobody looks for it."""
    paths_held: bool = False
    """Some paths are held, wherever: what would go there is to be sifted."""

    @property
    def place(self) -> tuple[str, str, str]:
        """Which it is."""
        return self.site, self.queue, self.function

    @property
    def places(self) -> int:
        """How many more parcels it can be handed at the very most."""
        return max(0, self.concurrency * MOST_AHEAD - self.out)

    def hungry(self, parcels: int) -> bool:
        """Whether it can be handed one more, after so many in this turn, whatever is in it."""
        return self.out + parcels < self.concurrency * AHEAD

    def takes(self, parcels: int, seconds: float) -> bool:
        """Whether it can be handed one more that is full, after so many in this turn that take so long in all."""
        return self.hungry(parcels) or (
            parcels < self.places and self.out_s + seconds < self.concurrency * AHEAD * PARCEL_S
        )


_LANES = text(f"""
    select n.site, q.queue, n.function, sum(n.concurrency) as concurrency, coalesce(max(l.epoch), 0) as epoch,
      coalesce(max(l.partial), '{{}}') as partial,
      coalesce(min(o.n), 0) as out, coalesce(min(o.seconds), 0.0) as out_s,
      {lane_held("n.site", "q.queue")} as held, {PATHS_HELD} as paths_held
    from nodes n
    join sites s on s.name = n.site and s.enabled and not s.draining
    cross join unnest(n.queues) as q(queue)
    left join lanes l on l.site = n.site and l.queue = q.queue and l.function = n.function
    left join (
      select site, queue, function, count(*) as n, sum(seconds) as seconds from parcels group by 1, 2, 3
    ) o on o.site = n.site and o.queue = q.queue and o.function = n.function
    where n.left_at is null and not n.draining and not n.deaf
      and n.last_heard > clock_timestamp() - make_interval(secs => :silent)
      and not {closed("n.site", "q.queue", "n.function")}
    group by n.site, q.queue, n.function
    order by n.function <> 'interactive', n.site, q.queue, n.function
""")  # noqa: S608 - our own words


def lanes(tx: Connection) -> list[Lane]:
    """Every lane that a live node serves, and hears, and that is given work: first those for which people wait."""
    return [
        Lane(
            row.site,
            row.queue,
            row.function,
            row.concurrency,
            row.out,
            row.out_s,
            row.epoch,
            tuple(row.partial),
            row.held,
            row.paths_held,
        )
        for row in tx.execute(_LANES, {"silent": NODE_SILENT_S})
    ]


_STILL_RUNNING = text("""
    select id from jobs j where id = any(cast(:jobs as bigint[])) and state in ('Pending', 'Started')
    order by id for share
""")
_HELD = text(
    f"select id from jobs j where id = any(cast(:jobs as bigint[])) and {held('null::text', 'null::text')}"  # noqa: S608
)
"""Held whole, wherever it runs."""


def lock_running(tx: Connection, jobs: Iterable[int]) -> set[int]:
    """Of these jobs those that run, their rows locked until the end of the transaction: no pause comes between.

    A hold of a job is placed under the same lock, and so it is looked for once more: by a statement that begins once
    the lock is had, since one that waited for it sees the holds of before.
    """
    running = set(tx.execute(_STILL_RUNNING, {"jobs": sorted(set(jobs))}).scalars())
    return running - set(tx.execute(_HELD, {"jobs": sorted(running)}).scalars())
