"""Handing out tasks that are ready: rows first, and messages that follow from them."""

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, RowMapping, text

from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.names import Function
from orchestrator.contracts.parcel import Parcel, TaskOrder
from orchestrator.contracts.paths import count, number, to_bits
from orchestrator.domain.chain import STEP_BITS
from orchestrator.domain.halving import Hunt
from orchestrator.services.choose import Load, choose
from orchestrator.services.lanes import EXPIRES_S, Lane, lock_running
from orchestrator.services.memory import Memory, Step
from orchestrator.services.sift import Sieve
from orchestrator.storage import tables
from orchestrator.storage.arrays import array
from orchestrator.storage.copy import copy_in
from orchestrator.storage.counters import Deltas

MOST_BYTES = 1024 * 1024
"""Of paths in one message: a larger parcel becomes several."""


class Sent(NamedTuple):
    """A parcel, to be published once its hand-out is committed."""

    parcel: Parcel
    paths: int
    """How many are in it."""
    seconds: float
    """What it might take."""
    tried: Sequence[bytes | None]
    """Of each task, which paths this attempt handles; None = all that it was given."""


def hand_out_tasks(
    tx: Connection, lanes: Sequence[Lane], epoch: int, memory: Memory, deltas: Deltas, sieve: Sieve | None = None
) -> list[Sent]:
    """Move tasks from ``ready`` to ``handouts`` under a new attempt; what is to be published for it.

    The rows of their jobs stay locked until the end of the transaction, so that no pause comes between.
    """
    open_lanes = [lane for lane in lanes if lane.function != Function.DISCOVERY and not lane.held]
    loads = choose(tx, open_lanes, memory, sieve)
    if loads:
        running = lock_running(tx, {load.step.job for load in loads})
        loads = [load for load in loads if load.step.job in running]
    if not loads:
        return []
    taken, steps = _take(tx, loads), _read_steps(tx, loads)
    sent = [one for load in loads for one in _pack(load, taken, steps[load.step], epoch)]
    _write(tx, sent)
    for one in sent:
        deltas.jobs[one.parcel.job]["out"] += len(one.parcel.tasks)
        memory.counted["handed_out", one.parcel.site, one.parcel.function] += len(one.parcel.tasks)
    failpoint("hub.handing_out")
    return sent


_TAKE = text("""
    with taken as (
      delete from ready using unnest(cast(:task as bigint[]), cast(:load as int[])) as u(task, load),
        lateral (
          select (cast(:site as text[]))[u.load] as site, (cast(:queue as text[]))[u.load] as queue,
            (cast(:function as text[]))[u.load] as function, (cast(:job as bigint[]))[u.load] as job
        ) as lane
      where ready.site = lane.site and ready.queue = lane.queue and ready.function = lane.function
        and ready.job_id = lane.job and ready.task_id = u.task
      returning ready.task_id
    )
    update tasks t set attempt = attempt + 1, dispatched_at = now()
    from taken join batches b on b.id = taken.task_id >> :bits left join carries c on c.task_id = taken.task_id
    where t.id = taken.task_id
    returning t.id, t.attempt, t.given_bits, t.settled_bits, t.suspect_bits, b.n, b.paths, c.carry
""")


def _take(tx: Connection, loads: Sequence[Load]) -> dict[int, RowMapping]:
    """Take them out of ``ready``, under their next attempt."""
    asked: dict[str, Any] = {
        name: [getattr(load.lane, name) for load in loads] for name in ("site", "queue", "function")
    }
    asked["job"] = [load.step.job for load in loads]
    asked["task"] = array(task for load in loads for task in load.tasks)
    asked["load"] = array(place for place, load in enumerate(loads, 1) for _ in load.tasks)
    return {row["id"]: row for row in tx.execute(_TAKE, asked | {"bits": STEP_BITS}).mappings()}


_STEPS = text("""
    select s.job_id, s.rule, s.step, s.action, s.params, s.options
    from job_steps s
    join unnest(cast(:job as bigint[]), cast(:rule as int[]), cast(:step as int[])) as u(job, rule, step)
      on s.job_id = u.job and s.rule = u.rule and s.step = u.step
""")


def _read_steps(tx: Connection, loads: Sequence[Load]) -> dict[Step, Row[Any]]:
    """What these tasks are to do: apart from them, since it is the same for many and may be large."""
    jobs, rules, steps = zip(*{load.step for load in loads}, strict=True)
    rows = tx.execute(_STEPS, {"job": list(jobs), "rule": list(rules), "step": list(steps)})
    return {Step(row.job_id, row.rule, row.step): row for row in rows}


def _pack(load: Load, taken: dict[int, RowMapping], step: Row[Any], epoch: int) -> Iterator[Sent]:
    """The parcels of a load: one, unless its paths are too many bytes."""
    parts: list[list[RowMapping]] = []
    size = 0
    for task in load.tasks:
        row = taken[task]
        more = len(row["paths"]) + len(row["carry"] or b"")
        if not parts or size + more > MOST_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(row)
        size += more
    for part in parts:
        tried = [_tried(row) for row in part]
        orders = [_order(row, bits) for row, bits in zip(part, tried, strict=True)]
        paths = sum(count(order.given, row["n"]) for order, row in zip(orders, part, strict=True))
        seconds = load.may_take_s * len(part) / len(load.tasks)
        yield Sent(_parcel(load, step, orders, epoch), paths, seconds, tried)


def _order(row: RowMapping, tried: bytes | None) -> TaskOrder:
    given = row["given_bits"] if tried is None else tried
    return TaskOrder(row["id"], row["attempt"], row["paths"], given, row["carry"])


def _tried(row: RowMapping) -> bytes | None:
    """Which paths this attempt handles: half of the suspects after a crash, what is not settled, or all (None)."""
    if row["settled_bits"] is None and row["suspect_bits"] is None:
        return None
    settled, suspects = number(row["settled_bits"] or b"", row["n"]), number(row["suspect_bits"] or b"", row["n"])
    hunt = Hunt(number(row["given_bits"], row["n"]) & ~settled, suspects)
    return to_bits(hunt.next_try(), row["n"])


def _parcel(load: Load, step: Row[Any], orders: list[TaskOrder], epoch: int) -> Parcel:
    return Parcel(
        id=str(uuid.uuid4()),
        site=load.lane.site,
        queue=load.lane.queue,
        function=load.lane.function,
        action=step.action,
        job=load.step.job,
        step=load.step.step,
        params=step.params,
        tasks=orders,
        expires=time.time() + EXPIRES_S,
        timeout=step.options.get("timeout_s"),
        hard_timeout=step.options.get("hard_timeout_s"),
        epoch=epoch,
        queue_epoch=load.lane.epoch,
    )


def _write(tx: Connection, sent: Sequence[Sent]) -> None:
    """Write down what is with the sites from here on."""
    copy_in(
        tx,
        tables.parcels,
        ("id", "job_id", "site", "queue", "function", "seconds"),
        [
            (parcel.id, parcel.job, parcel.site, parcel.queue, parcel.function, seconds)
            for parcel, _, seconds, _ in sent
        ],
    )
    copy_in(
        tx,
        tables.handouts,
        ("task_id", "parcel", "attempt", "tried_bits"),
        [
            (order.task, one.parcel.id, order.attempt, tried)
            for one in sent
            for order, tried in zip(one.parcel.tasks, one.tried, strict=True)
        ],
    )
