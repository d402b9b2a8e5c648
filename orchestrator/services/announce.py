"""Keeping the picture of the fleet: which nodes are there, what they are for, and what each site offers."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, func, text
from sqlalchemy.dialects.postgresql import insert

from orchestrator.contracts.report import Announcement, Reports
from orchestrator.domain.hearing import Start, early_ends
from orchestrator.services.lease import renew
from orchestrator.services.partial import note_partial
from orchestrator.storage.tables import nodes, site_actions, sites

Key = tuple[str, str]
"""Site and node."""
_NOW = func.clock_timestamp()


def announce(tx: Connection, reports: Sequence[Reports]) -> None:
    """Write the announcements among the reports; what they say is held keeps its lease."""
    renew(tx, reports)
    all_said: defaultdict[Key, list[Announcement]] = defaultdict(list)
    offers: dict[Key, Announcement] = {}
    for report in reports:
        if said := report.announcement:
            all_said[report.site, said.node].append(said)
            if said.actions is not None:
                offers[report.site, said.node] = said
    for site in sorted({site for site, _ in all_said}):
        known = insert(sites).values(name=site, last_heard=_NOW)
        tx.execute(known.on_conflict_do_update(index_elements=["name"], set_={"last_heard": _NOW}))
    before = _starts(tx, all_said)
    for key, said in sorted(all_said.items(), key=lambda item: item[0]):
        _write_node(tx, key[0], said, before.get(key))
    for (site, node), said in sorted(offers.items(), key=lambda item: item[0]):
        _write_offers(tx, site, node, said)
    if offers:
        note_partial(tx)


_STARTS = text("""
    select n.site, n.node, n.boot, n.left_at is not null and n.draining as left, n.deaf, n.early_ends,
      extract(epoch from clock_timestamp() - n.booted_at)::float8 as booted_s
    from nodes n join unnest(cast(:sites as text[]), cast(:nodes as text[])) as u(site, node)
      on n.site = u.site and n.node = u.node
""")


def _starts(tx: Connection, all_said: Mapping[Key, object]) -> dict[Key, Start]:
    if not all_said:
        return {}
    rows = tx.execute(_STARTS, {"sites": [site for site, _ in all_said], "nodes": [node for _, node in all_said]})
    return {(row.site, row.node): Start(row.boot, row.booted_s, row.left, row.deaf, row.early_ends) for row in rows}


def _write_node(tx: Connection, site: str, all_said: Sequence[Announcement], before: Start | None) -> None:
    said, start = all_said[-1], before
    for one in all_said:
        if start is None or one.boot != start.boot:
            start = Start(one.boot, 0.0, early_ends=early_ends(start, one.boot))
        start = replace(start, left=one.leaving and one.draining)
    values: dict[str, object] = {
        "function": said.function,
        "queues": said.queues,
        "concurrency": said.concurrency,
        "pool": said.pool,
        "limits": said.limits,
        "running": said.running,
        "version": said.version,
        # Two clocks meet here on purpose: their distance is what is shown. Nothing is decided by it.
        "clock_skew_s": round(said.at - time.time()),
        "problems": said.problems,
        "draining": said.draining,
        "last_heard": _NOW,
        "left_at": _NOW if said.leaving else None,
    }
    lanes = {"site": site, "function": said.function, "queues": said.queues}
    if before is None or said.boot != before.boot:
        values |= {"boot": said.boot, "booted_at": _NOW, "early_ends": start.early_ends if start else 0, "deaf": False}
    if tx.execute(_SERVES_ANOTHER, lanes | {"epoch": said.queue_epoch}).scalar():
        values["deaf"] = True
    row = insert(nodes).values(site=site, node=said.node, **values)
    tx.execute(row.on_conflict_do_update(index_elements=["site", "node"], set_=values))


# It began before the queue had its present name: nothing that is put there gets to it.
_SERVES_ANOTHER = text("""
    select exists (
      select from lanes
      where site = :site and function = :function and queue = any(cast(:queues as text[])) and epoch <> :epoch)
""")


def _write_offers(tx: Connection, site: str, node: str, said: Announcement) -> None:
    offered = sorted({offer.name for offer in said.actions or []})
    tx.execute(
        nodes.update()
        .where(nodes.c.site == site, nodes.c.node == node)
        .values(
            actions=offered,
            versions={offer.name: offer.version for offer in said.actions or []},
            discoveries=sorted(said.discoveries or []),
        )
    )
    for offer in said.actions or []:
        values = {
            "version": offer.version,
            "parameters": offer.parameters,
            "description": offer.description,
            "timeout_s": offer.timeout,
            "changes": offer.changes,
            "runs_in": offer.runs_in,
            "last_offered": _NOW,
        }
        row = insert(site_actions).values(site=site, action=offer.name, function=said.function, **values)
        tx.execute(row.on_conflict_do_update(index_elements=["site", "action", "function"], set_=values))
