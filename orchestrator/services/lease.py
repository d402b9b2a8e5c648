"""Leases: what a node holds is believed to be alive while the node says so, by the database's clock only.

A lease that lapses is turned into the report that nobody could send, and goes the way of all reports.
"""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, text

from orchestrator.contracts.batch import Batch
from orchestrator.contracts.report import Died, Item, Reports, Returned

LEASE_S = 15
"""Three times the period of announcements."""
MOST_LOSSES = 10
"""A task that was lost with its node so often is taken to be the reason: further losses count as deaths."""

_RENEW_PARCELS = text("update parcels set heard_at = clock_timestamp() where id = any(cast(:held as text[]))")
_RENEW_WALKS = text("""
    update walks set heard_at = clock_timestamp() where ended_at is null and order_id = any(cast(:held as text[]))
""")

_EVERYTHING = (
    text("update parcels set heard_at = clock_timestamp()"),
    text("update walks set heard_at = clock_timestamp() where ended_at is null and handed_at is not null"),
)


def renew(tx: Connection, reports: Iterable[Reports]) -> None:
    """Renew the leases of what the announcements among the reports say is held."""
    held = sorted({id for report in reports if report.announcement for id in report.announcement.holding})
    if held:
        tx.execute(_RENEW_PARCELS, {"held": held})
        tx.execute(_RENEW_WALKS, {"held": held})


def renew_all(tx: Connection) -> None:
    """Grant everything a full lease: nobody could be heard for a while, so nobody is judged by that while."""
    for statement in _EVERYTHING:
        tx.execute(statement)


_LAPSED_TASKS = text("""
    select h.task_id, h.attempt, p.site, p.node, t.state = 'Started' as began,
      t.attempt - t.tries - t.crashes as losses, n.boot <> '' and n.booted_at > p.claimed_at as begun_anew,
      n.left_at is null and n.last_heard > clock_timestamp() - make_interval(secs => :lease) as node_lives
    from parcels p
    join handouts h on h.parcel = p.id
    join tasks t on t.id = h.task_id
    left join nodes n on n.site = p.site and n.node = p.node
    where p.claimed_at is not null and (
      p.heard_at < clock_timestamp() - make_interval(secs => :lease) or n.boot <> '' and n.booted_at > p.claimed_at
    )
    order by h.task_id
""")

_LAPSED_WALKS = text("""
    select w.job_id, w.subtree, w.attempt, w.worker, d.site
    from walks w join discoveries d on d.job_id = w.job_id left join nodes n on n.site = d.site and n.node = w.worker
    where w.ended_at is null and w.state = 'Running' and not w.by_hub and (
      w.heard_at < clock_timestamp() - make_interval(secs => :lease) or n.boot <> '' and n.booted_at > w.begun_at
    )
    order by w.job_id, w.subtree
""")


def lapsed_tasks(tx: Connection) -> list[Reports]:
    """What is to be concluded about tasks of which nothing was heard for a lease.

    Where the node lives and does not hold the task any more, its process has died: of it, if it had begun. Where the
    node is silent, nobody knows: the task is handed out again and nothing is held against it, unless that happens again
    and again. Where it has begun anew since it claimed the task, nobody has to wait for a lease to know the same.
    """
    items: defaultdict[tuple[str, str], list[Item]] = defaultdict(list)
    for row in tx.execute(_LAPSED_TASKS, {"lease": LEASE_S}):
        died = row.began and ((row.node_lives and not row.begun_anew) or row.losses > MOST_LOSSES)
        lost = f"{row.node} has begun anew" if row.begun_anew else f"nothing was heard of {row.node} for {LEASE_S} s"
        conclusion: Item = (
            Died(row.task_id, row.attempt, "its process is gone") if died else Returned(row.task_id, row.attempt, lost)
        )
        items[row.site, row.node].append(conclusion)
    return [Reports(site, node, some) for (site, node), some in items.items()]


def lapsed_walks(tx: Connection) -> list[Batch]:
    """The same for walks: they stop where they were last heard of."""
    return [
        Batch(row.site, row.worker, row.job_id, row.subtree, row.attempt, 0, stopped=True)
        for row in tx.execute(_LAPSED_WALKS, {"lease": LEASE_S})
    ]
