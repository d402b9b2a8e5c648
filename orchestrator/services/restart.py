"""Restarting a site's workers, one after the other: each finishes what it runs, and then begins anew with new code.

What is asked for is only written down; the hub looks after it. Nothing is killed, and nobody is asked before the one
before has come back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, text

from orchestrator.domain.health import GONE_AFTER_S
from orchestrator.domain.rolling import BACK_WITHIN_S, Next, Worker, turn
from orchestrator.services.drain import Locked
from orchestrator.storage.audit import audit


@dataclass(frozen=True, slots=True)
class Gentle:
    """A start of a worker that is asked to end in good order."""

    site: str
    node: str
    boot: str
    new: bool
    """It has not been asked before."""


_ASK = text("""
    insert into restarts as r (site, asked_by, reason) values (:site, :actor, :reason)
    on conflict (site) do update set asked_at = clock_timestamp(), asked_by = excluded.asked_by,
      reason = excluded.reason, node = null, boot = null, told = 0, ended_at = null, problem = null
""")


def ask(tx: Connection, site: Locked, actor: str, reason: str | None) -> None:
    """Let every worker of the site that is there now begin anew. Asked while one is under way, all begin anew again."""
    tx.execute(_ASK, {"site": site.name, "actor": actor, "reason": reason})
    audit(tx, actor, "site.restart", site.name, reason)


_OPEN = text("select site, asked_at, node, boot, told from restarts where ended_at is null order by site for update")

# Old workers do not say which start they are, and can not be asked.
_WORKERS = text("""
    select n.node, n.boot, n.booted_at < :asked_at as before, n.running, n.draining,
      n.left_at is null and n.last_heard > clock_timestamp() - make_interval(secs => :gone) as live,
      extract(epoch from clock_timestamp() - n.last_heard)::float8 as gone_s
    from nodes n where n.site = :site and n.boot <> ''
""")
_TURN = text("""
    update restarts set node = :node, boot = :boot,
      told = case when node = :node and boot = :boot then told + 1 else 1 end
    where site = :site returning told
""")
_END = text("""
    update restarts set ended_at = clock_timestamp(), problem = :problem, node = null, boot = null where site = :site
""")


def restart_in_turn(tx: Connection) -> list[Gentle]:
    """Who is asked to end now: at each site one at most. Said again and again until it has."""
    asked: list[Gentle] = []
    for row in tx.execute(_OPEN).all():
        now = turn(_workers(tx, row), (row.node, row.boot) if row.node else None, row.told)
        if isinstance(now, Worker):
            told = tx.execute(_TURN, {"site": row.site, "node": now.node, "boot": now.boot}).scalar_one()
            asked.append(Gentle(row.site, now.node, now.boot, new=told == 1))
        elif now is not Next.WAIT:
            tx.execute(_END, {"site": row.site, "problem": _problem(now, row.node)})
    return asked


def _problem(end: Next, node: str) -> str | None:
    if end is Next.LOST:
        return f"{node} has ended, and has not come back within {BACK_WITHIN_S:.0f} s: see its log"
    if end is Next.UNHEEDED:
        return (
            f"{node} was asked to end and does not begin to: restart it by hand, as for an older version, see its log"
        )
    return None


def _workers(tx: Connection, restart: Row[tuple[object, ...]]) -> Sequence[Worker]:
    rows = tx.execute(_WORKERS, {"site": restart.site, "asked_at": restart.asked_at, "gone": GONE_AFTER_S})
    return [Worker(row.node, row.boot, row.before, row.live, row.draining, row.running, row.gone_s) for row in rows]
