"""Keeping the picture of the fleet: which nodes are there, what they are for, and what each site offers."""

import time
from collections.abc import Sequence

from sqlalchemy import Connection, func
from sqlalchemy.dialects.postgresql import insert

from orchestrator.contracts.report import Announcement, Reports
from orchestrator.services.lease import renew
from orchestrator.storage.tables import nodes, site_actions, sites

_NOW = func.clock_timestamp()


def announce(tx: Connection, reports: Sequence[Reports]) -> None:
    """Write the announcements among the reports; what they say is held keeps its lease."""
    renew(tx, reports)
    latest: dict[tuple[str, str], Announcement] = {}
    offers: dict[tuple[str, str], Announcement] = {}
    for report in reports:
        if said := report.announcement:
            latest[report.site, said.node] = said
            if said.actions is not None:
                offers[report.site, said.node] = said
    for site in sorted({site for site, _ in latest}):
        known = insert(sites).values(name=site, last_heard=_NOW)
        tx.execute(known.on_conflict_do_update(index_elements=["name"], set_={"last_heard": _NOW}))
    for (site, _), said in sorted(latest.items(), key=lambda item: item[0]):
        _write_node(tx, site, said)
    for (site, node), said in sorted(offers.items(), key=lambda item: item[0]):
        _write_offers(tx, site, node, said)


def _write_node(tx: Connection, site: str, said: Announcement) -> None:
    values = {
        "function": said.function,
        "queues": said.queues,
        "concurrency": said.concurrency,
        "running": said.running,
        "version": said.version,
        # Two clocks meet here on purpose: their distance is what is shown. Nothing is decided by it.
        "clock_skew_s": round(said.at - time.time()),
        "problems": said.problems,
        "draining": said.draining,
        "last_heard": _NOW,
        "left_at": _NOW if said.leaving else None,
    }
    row = insert(nodes).values(site=site, node=said.node, **values)
    tx.execute(row.on_conflict_do_update(index_elements=["site", "node"], set_=values))


def _write_offers(tx: Connection, site: str, node: str, said: Announcement) -> None:
    offered = sorted({offer.name for offer in said.actions or []})
    tx.execute(
        nodes.update()
        .where(nodes.c.site == site, nodes.c.node == node)
        .values(actions=offered, discoveries=sorted(said.discoveries or []))
    )
    for offer in said.actions or []:
        values = {
            "version": offer.version,
            "parameters": offer.parameters,
            "description": offer.description,
            "timeout_s": offer.timeout,
            "changes": offer.changes,
            "last_offered": _NOW,
        }
        row = insert(site_actions).values(site=site, action=offer.name, function=said.function, **values)
        tx.execute(row.on_conflict_do_update(index_elements=["site", "action", "function"], set_=values))
