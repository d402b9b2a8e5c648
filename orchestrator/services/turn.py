"""One turn of the hub: what came in, applied in one transaction, and what is to be sent for it afterwards."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from orchestrator.contracts.batch import Batch
from orchestrator.contracts.parcel import WalkOrder
from orchestrator.contracts.report import Reports
from orchestrator.domain.discovery import DISCOVERY
from orchestrator.services.announce import announce
from orchestrator.services.collect import collect
from orchestrator.services.dispatch import Sent, hand_out_tasks, hand_out_walks, lanes
from orchestrator.services.failures import Failures
from orchestrator.services.fill import Walk, fill, release
from orchestrator.services.grant import Grants, grants
from orchestrator.services.requeue import requeue
from orchestrator.services.settle import lock, settle
from orchestrator.storage.counters import Deltas


@dataclass(slots=True)
class Outbox:
    """What the committed rows ask to be sent. Losing it loses time, never a task: the rows stay."""

    parcels: list[Sent] = field(default_factory=list[Sent])
    orders: list[WalkOrder] = field(default_factory=list[WalkOrder])
    grants: Grants = field(default_factory=Grants)
    gone: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """site -> the grants that nobody needs any more."""


def apply(tx: Connection, reports: Sequence[Reports], batches: Sequence[Batch]) -> Outbox:
    """Bring the record up to what the sites say."""
    announce(tx, reports)
    if not batches and not any(report.items for report in reports):
        return Outbox()
    jobs = _jobs_of(tx, reports) | {batch.job for batch in batches}
    lock(tx, jobs)
    deltas, failures = Deltas(), Failures()
    walks = fill(tx, batches, deltas, failures)
    begun = collect(tx, reports, deltas, failures)
    failures.write(tx)
    deltas.write(tx)
    release(tx, {walk.job for walk in walks.values() if walk.state in DISCOVERY.terminal})
    ended = settle(tx, jobs, begun)
    return Outbox(gone=_gone(walks, set(ended)))


def hand_out(tx: Connection) -> Outbox:
    """Hand out what is ready, to whoever is there."""
    serving, deltas = lanes(tx), Deltas()
    requeue(tx, deltas)
    orders = hand_out_walks(tx, serving)
    parcels = hand_out_tasks(tx, serving, deltas)
    deltas.write(tx)
    return Outbox(parcels, orders, grants(tx, serving))


_JOBS_OF = text("select distinct job_id from handouts where task_id = any(cast(:ids as bigint[]))")


def _jobs_of(tx: Connection, reports: Sequence[Reports]) -> set[int]:
    ids = {item.task for report in reports for item in report.items}
    return set(tx.execute(_JOBS_OF, {"ids": sorted(ids)}).scalars())


def _gone(walks: dict[tuple[int, int], Walk], ended: set[int]) -> dict[str, list[str]]:
    gone: defaultdict[str, list[str]] = defaultdict(list)
    for walk in walks.values():
        if walk.state in DISCOVERY.terminal:
            gone[walk.site].append(f"{walk.job}:{walk.subtree}")
        if walk.job in ended:
            gone[walk.site].append(f"{walk.job}:idle")
    return dict(gone)
