"""Sending canaries into the queues that workers serve, and finding those who do not hear them.

A canary is no task: nobody claims it, and it is never among the hand-outs. One at a time is under way in each queue.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from orchestrator.contracts import names
from orchestrator.contracts.canary import Canary
from orchestrator.contracts.report import Ended, Item, Reports, Started
from orchestrator.domain.hearing import CANARY_EVERY_S, Listener, is_deaf
from orchestrator.services.lanes import EXPIRES_S, NODE_SILENT_S
from orchestrator.storage.together import write

LIVE = "n.left_at is null and not n.draining and n.last_heard > clock_timestamp() - make_interval(secs => :silent)"

# Old workers do not know canaries, and would lose them: a queue that one of them serves is not asked.
_DUE = text(f"""
    with served as (
      select n.site, q.queue, n.function from nodes n cross join unnest(n.queues) as q(queue)
      where {LIVE} group by n.site, q.queue, n.function having bool_and(n.boot <> '')
    )
    insert into lanes as l (site, queue, function, canary, canary_sent_at)
    select site, queue, function, gen_random_uuid()::text, clock_timestamp() from served
    on conflict (site, queue, function) do update
      set canary = excluded.canary, canary_sent_at = excluded.canary_sent_at, canary_heard_at = null
      where l.canary is null
        or l.canary_heard_at is not null and l.canary_sent_at <= clock_timestamp() - make_interval(secs => :every)
    returning l.site, l.queue, l.function, l.epoch, l.canary
""")  # noqa: S608 - nothing is put in but a condition of ours


def send_canaries(tx: Connection) -> list[Canary]:
    """The canaries that are due, each to be put into its queue once this is committed."""
    expires = time.time() + EXPIRES_S
    return [
        Canary(row.canary, row.site, row.queue, row.function, expires, row.epoch)
        for row in tx.execute(_DUE, {"silent": NODE_SILENT_S, "every": CANARY_EVERY_S})
    ]


_HEARD = text("""
    with who as (
      select * from unnest(cast(:sites as text[]), cast(:nodes as text[])) as u(site, node)
    ),
    hears as (
      update nodes set deaf = false, early_ends = 0 from who
      where nodes.site = who.site and nodes.node = who.node and (nodes.deaf or nodes.early_ends > 0)
    )
    update lanes l set canary_heard_at = clock_timestamp()
    where l.canary_heard_at is null and (
      exists (
        select from unnest(cast(:canary_sites as text[]), cast(:canaries as text[])) as u(site, canary)
        where u.site = l.site and u.canary = l.canary
      )
      or exists (
        select from who join nodes n on n.site = who.site and n.node = who.node
        where n.site = l.site and n.function = l.function and l.queue = any(n.queues)
      )
    )
""")


def hear(tx: Connection, reports: Iterable[Reports]) -> None:
    """Whoever names a canary, or has begun a task, hears; and so does its queue."""
    heard = [report for report in reports if report.heard or any(map(_was_begun, report.items))]
    if heard:
        who = sorted({(report.site, report.node) for report in heard})
        canaries = [(report.site, canary) for report in heard for canary in report.heard]
        said = {
            "sites": [site for site, _ in who],
            "nodes": [node for _, node in who],
            "canary_sites": [site for site, _ in canaries],
            "canaries": [canary for _, canary in canaries],
        }
        write(tx, _HEARD, said)


def _was_begun(item: Item) -> bool:
    return isinstance(item, Started | Ended)


_OUTLIVED = text(f"""
    select l.site, l.queue, l.function, l.epoch from lanes l
    where l.canary is not null and l.canary_heard_at is null and exists (
      select from nodes n where n.site = l.site and n.function = l.function and l.queue = any(n.queues)
        and n.booted_at > l.canary_sent_at and {LIVE})
    order by 1, 2, 3
""")  # noqa: S608 - as above


@dataclass(frozen=True, slots=True)
class Outlived:
    """A canary that was sent before a worker of its queue began anew: the one before may have taken it along."""

    site: str
    queue: str
    function: str
    epoch: int

    @property
    def name(self) -> str:
        """The Celery queue; where something stands in it, that may be the canary."""
        return names.queue(self.site, self.queue, self.function, self.epoch)


def outlived_canaries(tx: Connection) -> list[Outlived]:
    """Those that are lost if they are not in their queue any more."""
    rows = tx.execute(_OUTLIVED, {"silent": NODE_SILENT_S})
    return [Outlived(row.site, row.queue, row.function, row.epoch) for row in rows]


_FORGET_ONE = text("""
    update lanes set canary = null, canary_sent_at = null
    where site = :site and queue = :queue and function = :function and canary_heard_at is null
""")


def forget_canary(tx: Connection, one: Outlived) -> None:
    """It is lost; another is due."""
    tx.execute(_FORGET_ONE, {"site": one.site, "queue": one.queue, "function": one.function})


_FORGET = text("update lanes set canary = null, canary_sent_at = null, canary_heard_at = null")


def forget_canaries(tx: Connection) -> None:
    """Nobody could be heard for a while, or all messages are lost: what is under way says nothing about anybody."""
    tx.execute(_FORGET)


@dataclass(frozen=True, slots=True)
class Restart:
    """A start of a worker that is asked to be the last but one."""

    site: str
    node: str
    boot: str


_LISTENERS = text(f"""
    select n.site, n.node, n.boot, n.deaf, n.running, n.concurrency,
      extract(epoch from clock_timestamp() - n.booted_at)::float8 as booted_s,
      (select extract(epoch from clock_timestamp() - min(l.canary_sent_at))::float8 from lanes l
       where l.site = n.site and l.function = n.function and l.queue = any(n.queues)
         and l.canary_heard_at is null) as silent_s
    from nodes n where {LIVE} and n.boot <> ''
    order by n.site, n.node
""")  # noqa: S608 - as above

_DEAF = text("""
    update nodes set deaf = true from unnest(cast(:sites as text[]), cast(:nodes as text[])) as u(site, node)
    where nodes.site = u.site and nodes.node = u.node
""")


def find_deaf(tx: Connection) -> tuple[list[Restart], list[Restart]]:
    """Those to whom nothing gets through, all and the new ones of them; said until they have restarted or hear."""
    rows = tx.execute(_LISTENERS, {"silent": NODE_SILENT_S}).all()
    deaf: list[Restart] = []
    new: list[Restart] = []
    for row in rows:
        one = Restart(row.site, row.node, row.boot)
        if row.deaf:
            deaf.append(one)
        elif is_deaf(Listener(row.running, row.concurrency, row.booted_s, row.silent_s)):
            new.append(one)
    _write_deaf(tx, new)
    return deaf + new, new


def _write_deaf(tx: Connection, new: Sequence[Restart]) -> None:
    if new:
        tx.execute(_DEAF, {"sites": [one.site for one in new], "nodes": [one.node for one in new]})
