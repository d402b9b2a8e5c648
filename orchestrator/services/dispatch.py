"""Handing out what is ready: within each lane's credits, fair between jobs, weighted by priority.

A lane is a queue's function at a site. Few tasks are with a site at a time, so that pause, cancel and priority act
at once; the rest waits in the small table ``ready``.
"""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, RowMapping, text

from orchestrator.contracts.parcel import Parcel, RuleOrder, TaskOrder, WalkOrder
from orchestrator.domain.chain import STEP_BITS, STEP_MASK
from orchestrator.storage.counters import Deltas

NODE_SILENT_S = 15
"""A node that has not been heard of for so long is given nothing."""
AHEAD = 2
"""Tasks with a site for each process that runs them: one runs, one waits at hand."""
WALK_AHEAD = 32
"""How many batches a walk may send beyond those that are kept."""
EXPIRES_S = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Lane:
    """A queue's function at a site: how many can run there at once, and how many tasks it has been handed."""

    site: str
    queue: str
    function: str
    concurrency: int
    out: int

    @property
    def credits(self) -> int:
        """How many more tasks it can be handed."""
        return max(0, self.concurrency * AHEAD - self.out)


_LANES = text("""
    select n.site, q.queue, n.function, sum(n.concurrency) as concurrency,
      (select count(*) from handouts h
       where h.site = n.site and h.queue = q.queue and h.function = n.function) as out
    from nodes n
    join sites s on s.name = n.site and s.enabled and not s.draining
    cross join unnest(n.queues) as q(queue)
    where n.left_at is null and n.last_heard > clock_timestamp() - make_interval(secs => :silent)
    group by n.site, q.queue, n.function
""")


def lanes(tx: Connection) -> list[Lane]:
    """Every lane that a live node serves."""
    return [
        Lane(row.site, row.queue, row.function, row.concurrency, row.out)
        for row in tx.execute(_LANES, {"silent": NODE_SILENT_S})
    ]


_PICK = text("""
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
    ),
    picked as (
      delete from ready using fair
      where fair.place <= fair.credits and ready.site = fair.site and ready.queue = fair.queue
        and ready.function = fair.function and ready.job_id = fair.job_id and ready.task_id = fair.task_id
      returning ready.task_id, ready.job_id, ready.site, ready.queue, ready.function
    ),
    handed as (
      update tasks set attempt = attempt + 1, dispatched_at = now() from picked where tasks.id = picked.task_id
      returning tasks.id, tasks.rule, tasks.attempt, tasks.given, tasks.given_bits,
        picked.job_id, picked.site, picked.queue, picked.function
    )
    select h.*, b.paths, c.carry, s.step, s.action, s.params, s.options
    from handed h
    join batches b on b.id = h.id >> :bits
    join job_steps s on s.job_id = h.job_id and s.rule = h.rule and s.step = (h.id & :mask)
    left join carries c on c.task_id = h.id
    order by h.id
""")

_HAND_OUT = text("""
    insert into handouts (task_id, job_id, attempt, parcel, site, queue, function)
    select * from unnest(
      cast(:task as bigint[]), cast(:job as bigint[]), cast(:attempt as int[]), cast(:parcel as text[]),
      cast(:site as text[]), cast(:queue as text[]), cast(:function as text[]))
""")


Sent = tuple[Parcel, int]
"""A parcel to be published once its hand-out is committed, with the number of paths in it."""


def hand_out_tasks(tx: Connection, lanes: Sequence[Lane], deltas: Deltas) -> list[Sent]:
    """Move tasks from ``ready`` to ``handouts`` under a new attempt; what is to be published for it."""
    free = [lane for lane in lanes if lane.credits > 0 and lane.function != "discovery"]
    if not free:
        return []
    values = {name: [getattr(lane, name) for lane in free] for name in ("site", "queue", "function", "credits")}
    picked = tx.execute(_PICK, values | {"bits": STEP_BITS, "mask": STEP_MASK}).mappings().all()
    if not picked:
        return []
    sent = [_parcel(row) for row in picked]
    for row in picked:
        deltas.jobs[row["job_id"]]["out"] += 1
    columns = {name: [row[name] for row in picked] for name in ("site", "queue", "function")}
    tx.execute(
        _HAND_OUT,
        columns
        | {
            "task": [row["id"] for row in picked],
            "job": [row["job_id"] for row in picked],
            "attempt": [row["attempt"] for row in picked],
            "parcel": [parcel.id for parcel, _ in sent],
        },
    )
    return sent


def _parcel(row: RowMapping) -> Sent:
    order = TaskOrder(row["id"], row["attempt"], row["paths"], row["given_bits"], row["carry"])
    parcel = Parcel(
        id=str(uuid.uuid4()),
        site=row["site"],
        queue=row["queue"],
        function=row["function"],
        action=row["action"],
        job=row["job_id"],
        step=row["step"],
        params=row["params"],
        tasks=[order],
        expires=time.time() + EXPIRES_S,
        timeout=row["options"].get("timeout_s"),
    )
    return parcel, row["given"]


_WALKS = text("""
    with lane as (
      select * from unnest(cast(:site as text[]), cast(:queue as text[]), cast(:credits as int[]))
        as u(site, queue, credits)
    ),
    live as (
      select w.job_id, w.subtree, w.state, w.handed_at, d.site, d.queue, j.priority,
        j.state in ('Pending', 'Started') as open,
        row_number() over (partition by w.job_id order by w.subtree) as turn
      from walks w join discoveries d on d.job_id = w.job_id join jobs j on j.id = w.job_id
      where w.ended_at is null and j.ended_at is null
    ),
    busy as (select site, queue, count(*) as n from live where handed_at is not null group by site, queue),
    fair as (
      select live.*, lane.credits - coalesce(busy.n, 0) as free,
        row_number() over (
          partition by live.site, live.queue order by live.turn / (live.priority + 1.0), live.job_id, live.subtree
        ) as place
      from live
      join lane on lane.site = live.site and lane.queue = live.queue
      left join busy on busy.site = live.site and busy.queue = live.queue
      where live.state = 'Waiting' and live.handed_at is null and live.open
    )
    update walks w set attempt = w.attempt + 1, handed_at = now(), heard_at = now()
    from fair, discoveries d
    where fair.place <= fair.free and w.job_id = fair.job_id and w.subtree = fair.subtree and d.job_id = w.job_id
    returning w.job_id, w.subtree, w.attempt, w.input, w.cursor, w.sequence,
      d.method, d.site, d.queue, d.options, d.rules
""")


def hand_out_walks(tx: Connection, lanes: Sequence[Lane]) -> list[WalkOrder]:
    """Give waiting walks to free walkers: as many as there are, none in advance."""
    free = [lane for lane in lanes if lane.function == "discovery"]
    if not free:
        return []
    values = {
        "site": [lane.site for lane in free],
        "queue": [lane.queue for lane in free],
        "credits": [lane.concurrency for lane in free],
    }
    return [
        WalkOrder(
            id=str(uuid.uuid4()),
            site=row["site"],
            queue=row["queue"],
            method=row["method"],
            job=row["job_id"],
            subtree=row["subtree"],
            attempt=row["attempt"],
            input=row["input"],
            rules=msgspec.convert(row["rules"], list[RuleOrder], strict=False),
            options=row["options"],
            expires=time.time() + EXPIRES_S,
            cursor=row["cursor"],
            sequence=row["sequence"],
            grant=row["sequence"] + WALK_AHEAD,
        )
        for row in tx.execute(_WALKS, values).mappings()
    ]
