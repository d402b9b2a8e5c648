"""Leaving a queue that keeps ending those who serve it: another epoch of its name begins, and the old one is kept."""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Connection, text

from orchestrator.contracts import names
from orchestrator.domain.hearing import MOST_EARLY_ENDS
from orchestrator.storage.audit import audit

ACTION = "lane.epoch"
"""The audit's word for it."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A queue whose workers have come to nothing, start after start."""

    site: str
    queue: str
    function: str
    epoch: int
    canaries: int
    """Of the messages in it."""

    @property
    def lane(self) -> str:
        """What it is called whatever its epoch."""
        return names.queue(self.site, self.queue, self.function)

    def name(self, later: int = 0) -> str:
        """Its Celery queue, now or so many epochs later."""
        return names.queue(self.site, self.queue, self.function, self.epoch + later)


_SUSPECTS = text("""
    select distinct n.site, q.queue, n.function, coalesce(l.epoch, 0) as epoch,
      coalesce(l.canary is not null and l.canary_heard_at is null, false)::int as canaries
    from nodes n cross join unnest(n.queues) as q(queue)
    left join lanes l on l.site = n.site and l.queue = q.queue and l.function = n.function
    where n.early_ends >= :most order by 1, 2, 3
""")


def suspects(tx: Connection) -> list[Suspect]:
    """The queues of workers who began so often in vain; one in which nothing but a canary stands is not to blame."""
    rows = tx.execute(_SUSPECTS, {"most": MOST_EARLY_ENDS})
    return [Suspect(row.site, row.queue, row.function, row.epoch, row.canaries) for row in rows]


_NEXT = text("""
    insert into lanes as l (site, queue, function, epoch) values (:site, :queue, :function, :epoch + 1)
    on conflict (site, queue, function) do update
      set epoch = excluded.epoch, canary = null, canary_sent_at = null, canary_heard_at = null
""")

# Those who serve it under its old name will hear nothing more; the others have another chance.
_BEGIN_ANEW = text("""
    update nodes set early_ends = 0, deaf = boot <> ''
    where site = :site and function = :function and :queue = any(queues)
""")


def leave(tx: Connection, one: Suspect, messages: int) -> None:
    """From here on its next name is the one that counts; with so many messages in it the old one is left."""
    lane = {"site": one.site, "queue": one.queue, "function": one.function}
    tx.execute(_NEXT, lane | {"epoch": one.epoch})
    tx.execute(_BEGIN_ANEW, lane)
    reason = f"its workers ended {MOST_EARLY_ENDS} times soon after they began"
    audit(tx, "hub", ACTION, one.lane, reason, {"queue": one.name(), "messages": messages, "next": one.name(1)})


_EPOCHS = text("select site, queue, function, epoch from lanes order by site, queue, function")


def queue_epochs(tx: Connection) -> dict[str, dict[str, int]]:
    """What the sites' workers are to serve: site -> (``queue.function`` -> epoch)."""
    epochs: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in tx.execute(_EPOCHS):
        epochs[row.site][names.lane(row.queue, row.function)] = row.epoch
    return dict(epochs)
