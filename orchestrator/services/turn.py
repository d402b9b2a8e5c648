"""One turn of the hub: what came in, applied in one transaction, and what is to be sent for it afterwards."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from orchestrator.contracts.batch import Batch
from orchestrator.contracts.parcel import WalkOrder
from orchestrator.contracts.report import Reports
from orchestrator.domain.discovery import DISCOVERY, DiscoveryState
from orchestrator.services.announce import announce
from orchestrator.services.canary import hear
from orchestrator.services.collect import collect
from orchestrator.services.come_due import FREE, NEXT
from orchestrator.services.dequeue import Stop, cancelled, overdue, stopping
from orchestrator.services.dispatch import Sent, hand_out_tasks
from orchestrator.services.failures import Failures
from orchestrator.services.fill import Walk, fill
from orchestrator.services.go_on import DUE as STEP_DUE
from orchestrator.services.go_on import NEWS as STEP_NEWS
from orchestrator.services.grant import Grants, grants
from orchestrator.services.hold import HANDING_OUT
from orchestrator.services.keep_logs import keep_logs
from orchestrator.services.lanes import lanes
from orchestrator.services.lease import lapsed_tasks, lapsed_walks
from orchestrator.services.memory import Memory
from orchestrator.services.own_walks import Walked, walk_on
from orchestrator.services.ready import make_due, release
from orchestrator.services.requeue import requeue
from orchestrator.services.runs import DUE, NEWS, hear_runs
from orchestrator.services.send_walks import hand_out_walks
from orchestrator.services.settle import lock, settle
from orchestrator.services.sift import Sieve
from orchestrator.services.tolerate import tolerate
from orchestrator.storage.counters import Deltas
from orchestrator.storage.together import together


@dataclass(slots=True)
class Outbox:
    """What the committed rows ask to be sent. Losing it loses time, never a task: the rows stay."""

    parcels: list[Sent] = field(default_factory=list[Sent])
    orders: list[WalkOrder] = field(default_factory=list[WalkOrder])
    grants: Grants = field(default_factory=Grants)
    gone: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """site -> the grants that nobody needs any more."""
    heard: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """site -> the messages of whose claims has been heard (contracts/claims.py)."""
    stops: list[Stop] = field(default_factory=list[Stop])
    ended: list[int] = field(default_factory=list[int])
    """Jobs."""
    beside: list[str] = field(default_factory=list[str])
    """Who has something to do beside the turns (beside.py): there are jobs that are being cancelled, or edited."""
    due_s: float | None = None
    """In how many seconds a schedule is due next; None: none is."""
    more: bool = False
    """Not all has been done that is to be done in chunks: the next turn is not to be waited for."""

    @property
    def jobs(self) -> dict[str, set[int]]:
        """Site -> the jobs of which something is handed out there."""
        jobs: defaultdict[str, set[int]] = defaultdict(set)
        for message in (*(sent.parcel for sent in self.parcels), *self.orders):
            jobs[message.site].add(message.job)
        return jobs


def apply(tx: Connection, reports: Sequence[Reports], batches: Sequence[Batch], memory: Memory) -> Outbox:
    """Bring the record up to what the sites say."""
    announce(tx, reports)
    if not batches and not any(report.items for report in reports):
        hear(tx, reports)
        keep_logs(tx, reports)
        return Outbox()
    tasks = {item.task for report in reports for item in report.items}
    jobs = lock(tx, {batch.job for batch in batches}, tasks)
    keep_logs(tx, reports)
    deltas, failures = Deltas(), Failures()
    plan = memory.plan(tx, jobs)
    with together(tx):
        hear(tx, reports)
        walks = fill(tx, batches, plan, deltas, failures)
        collected = collect(tx, reports, plan, memory, deltas, failures)
        failures.write(tx)
        deltas.write(tx)
    tolerate(tx, deltas, failures)
    release(tx, {walk.job for walk in walks.values() if walk.state in DISCOVERY.terminal}, plan)
    with together(tx):
        ended = settle(tx, jobs, collected.begun)
    return Outbox(gone=_gone(walks, set(ended)), heard=_heard(collected.heard, walks), ended=ended)


def hand_out(tx: Connection, epoch: int, memory: Memory) -> Outbox:
    """Hand out what is ready, to whoever is there, and see what has become of what is being cancelled."""
    afoot = tx.execute(_AFOOT).one()
    if afoot.groups:
        hear_runs(tx)
    serving, deltas = lanes(tx), Deltas()
    dequeuing, free = cancelled(tx) if afoot.dequeuing else (set[int](), set[int]())
    if afoot.stopped:
        requeue(tx, deltas)
    with together(tx):
        walked = walk_on(tx, memory, deltas) if afoot.own else Walked()
    due = bool(afoot.due) and make_due(tx)
    orders = hand_out_walks(tx, serving, epoch) if afoot.walks else []
    sieve = Sieve(memory) if any(lane.paths_held for lane in serving) else None
    with together(tx):
        parcels = hand_out_tasks(tx, serving, epoch, memory, deltas, sieve)
        deltas.write(tx)
    release(tx, walked.ended, memory.plan(tx, walked.ended))
    unsettled = free | walked.unsettled
    ended = settle(tx, unsettled) if unsettled else []
    stops = stopping(tx, dequeuing - set(ended)) if dequeuing else []
    granted = grants(tx, serving) if afoot.walks else Grants()
    more = due or walked.more or (sieve is not None and sieve.more)
    beside = [*(["dequeuer"] if dequeuing else []), *(["editor"] if afoot.edits else [])]
    return Outbox(parcels, orders, granted, stops=stops, ended=ended, beside=beside, due_s=afoot.due_s, more=more)


# Most turns find none of these: one look spares them seven. What is held is looked for after it, behind its lock.
_AFOOT = text(f"""
    select exists (select from jobs where state = 'Dequeuing' and ended_at is null and kind = 'batch') as dequeuing,
      exists (select from walks where state = 'Stopped' and ended_at is null) as stopped,
      exists (select from walks where by_hub and ended_at is null) as own,
      exists (select from walks where not by_hub and ended_at is null) as walks,
      exists (select from later where run_after <= statement_timestamp()) as due,
      exists (select {NEWS}) or exists (select {DUE}) as groups, {HANDING_OUT} as lock,
      exists (select {STEP_NEWS}) or exists (select {STEP_DUE}) as edits,
      case when exists (select {FREE}) then 0 else {NEXT} end as due_s
""")  # noqa: S608 - our own words


def judge(tx: Connection, memory: Memory) -> Outbox:
    """Conclude what nobody reported: lapsed leases, and cancelled work whose grace is over."""
    lapsed, stopped = lapsed_tasks(tx), lapsed_walks(tx)
    for report in lapsed:
        memory.counted["leases_lost", report.site] += len(report.items)
    for walk in stopped:
        memory.counted["leases_lost", walk.site] += 1
    return apply(tx, [*overdue(tx), *lapsed], stopped, memory)


def _heard(parcels: Iterable[tuple[str, str]], walks: dict[tuple[int, int], Walk]) -> dict[str, list[str]]:
    heard: defaultdict[str, list[str]] = defaultdict(list)
    for site, parcel in parcels:
        heard[site].append(parcel)
    for walk in walks.values():
        if walk.was is DiscoveryState.WAITING:
            heard[walk.site].append(walk.order)
    return dict(heard)


def _gone(walks: dict[tuple[int, int], Walk], ended: set[int]) -> dict[str, list[str]]:
    gone: defaultdict[str, list[str]] = defaultdict(list)
    for walk in walks.values():
        if walk.state in DISCOVERY.terminal:
            gone[walk.site].append(f"{walk.job}:{walk.subtree}")
        if walk.job in ended:
            gone[walk.site].append(f"{walk.job}:idle")
    return dict(gone)
