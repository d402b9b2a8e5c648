"""Handing out tasks that are ready: within each lane's credits, fair between jobs, weighted by priority."""

import time
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.names import Function
from orchestrator.contracts.parcel import Parcel, TaskOrder
from orchestrator.contracts.paths import count, number, to_bits
from orchestrator.domain.chain import STEP_BITS, STEP_MASK
from orchestrator.domain.halving import Hunt
from orchestrator.services.hold import held
from orchestrator.services.lanes import EXPIRES_S, Lane, lock_running
from orchestrator.storage.counters import Deltas

_CHOOSE = text(f"""
    with lane as (
      select * from unnest(
        cast(:site as text[]), cast(:queue as text[]), cast(:function as text[]), cast(:credits as int[])
      ) as u(site, queue, function, credits)
    ),
    fair as (
      select lane.site, lane.queue, lane.function, lane.credits, j.id as job_id, r.task_id,
        row_number() over (
          partition by lane.site, lane.queue, lane.function
          order by r.turn / (j.priority + 1.0), j.priority desc, j.id
        ) as place
      from lane
      cross join jobs j
      cross join lateral (
        select r.task_id, row_number() over (order by r.task_id) as turn from ready r
        where r.site = lane.site and r.queue = lane.queue and r.function = lane.function and r.job_id = j.id
          and (r.run_after is null or r.run_after <= clock_timestamp())
        order by r.task_id limit lane.credits
      ) r
      where j.ended_at is null and j.state in ('Pending', 'Started')
        and coalesce(j.not_before <= clock_timestamp(), true) and not {held("lane.site", "lane.queue")}
    )
    select job_id, task_id, site, queue, function from fair where place <= credits
""")  # noqa: S608 - our own words

_TAKE = text("""
    with picked as (
      delete from ready using unnest(
        cast(:job_id as bigint[]), cast(:task_id as bigint[]), cast(:site as text[]), cast(:queue as text[]),
        cast(:function as text[])
      ) as u(job, task, site, queue, function)
      where ready.site = u.site and ready.queue = u.queue and ready.function = u.function
        and ready.job_id = u.job and ready.task_id = u.task
      returning ready.task_id, ready.job_id, ready.site, ready.queue, ready.function
    ),
    handed as (
      update tasks set attempt = attempt + 1, dispatched_at = now() from picked where tasks.id = picked.task_id
      returning tasks.id, tasks.rule, tasks.attempt, tasks.given, tasks.given_bits, tasks.settled_bits,
        tasks.suspect_bits, picked.job_id, picked.site, picked.queue, picked.function
    )
    select h.*, b.n, b.paths, c.carry, s.step, s.action, s.params, s.options
    from handed h
    join batches b on b.id = h.id >> :bits
    join job_steps s on s.job_id = h.job_id and s.rule = h.rule and s.step = (h.id & :mask)
    left join carries c on c.task_id = h.id
    order by h.id
""")

_HAND_OUT = text("""
    insert into handouts (task_id, job_id, attempt, parcel, tried_bits, site, queue, function)
    select * from unnest(
      cast(:task as bigint[]), cast(:job as bigint[]), cast(:attempt as int[]), cast(:parcel as text[]),
      cast(:tried as bytea[]), cast(:site as text[]), cast(:queue as text[]), cast(:function as text[]))
""")


Sent = tuple[Parcel, int]
"""A parcel to be published once its hand-out is committed, with the number of paths in it."""


def hand_out_tasks(tx: Connection, lanes: Sequence[Lane], epoch: int, deltas: Deltas) -> list[Sent]:
    """Move tasks from ``ready`` to ``handouts`` under a new attempt; what is to be published for it.

    The rows of their jobs stay locked until the end of the transaction, so that no pause comes between.
    """
    free = [lane for lane in lanes if lane.credits > 0 and lane.function != Function.DISCOVERY]
    rows = _take(tx, free)
    if not rows:
        return []
    tried = [_tried(row) for row in rows]
    named = {(lane.site, lane.queue, lane.function): lane.epoch for lane in free}
    sent = [
        _parcel(row, bits, epoch, named[row["site"], row["queue"], row["function"]])
        for row, bits in zip(rows, tried, strict=True)
    ]
    for row in rows:
        deltas.jobs[row["job_id"]]["out"] += 1
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in ("site", "queue", "function")}
    columns["task"] = [row["id"] for row in rows]
    columns["job"] = [row["job_id"] for row in rows]
    columns["attempt"] = [row["attempt"] for row in rows]
    columns["parcel"] = [parcel.id for parcel, _ in sent]
    columns["tried"] = tried
    tx.execute(_HAND_OUT, columns)
    failpoint("hub.handing_out")
    return sent


def _take(tx: Connection, free: Sequence[Lane]) -> Sequence[RowMapping]:
    """Choose what is next in these lanes, and take it out of ``ready`` where its job still runs."""
    if not free:
        return []
    asked = {name: [getattr(lane, name) for lane in free] for name in ("site", "queue", "function", "credits")}
    chosen = tx.execute(_CHOOSE, asked).mappings().all()
    if not chosen:
        return []
    running = lock_running(tx, (row["job_id"] for row in chosen))
    still = [row for row in chosen if row["job_id"] in running]
    columns = {name: [row[name] for row in still] for name in ("job_id", "task_id", "site", "queue", "function")}
    return tx.execute(_TAKE, columns | {"bits": STEP_BITS, "mask": STEP_MASK}).mappings().all()


def _tried(row: RowMapping) -> bytes | None:
    """Which paths this attempt handles: half of the suspects after a crash, what is not settled, or all (None)."""
    if row["settled_bits"] is None and row["suspect_bits"] is None:
        return None
    settled, suspects = number(row["settled_bits"] or b"", row["n"]), number(row["suspect_bits"] or b"", row["n"])
    hunt = Hunt(number(row["given_bits"], row["n"]) & ~settled, suspects)
    return to_bits(hunt.next_try(), row["n"])


def _parcel(row: RowMapping, tried: bytes | None, epoch: int, queue_epoch: int) -> Sent:
    which = row["given_bits"] if tried is None else tried
    parcel = Parcel(
        id=str(uuid.uuid4()),
        site=row["site"],
        queue=row["queue"],
        function=row["function"],
        action=row["action"],
        job=row["job_id"],
        step=row["step"],
        params=row["params"],
        tasks=[TaskOrder(row["id"], row["attempt"], row["paths"], which, row["carry"])],
        expires=time.time() + EXPIRES_S,
        timeout=row["options"].get("timeout_s"),
        hard_timeout=row["options"].get("hard_timeout_s"),
        epoch=epoch,
        queue_epoch=queue_epoch,
    )
    return parcel, count(which, row["n"])
