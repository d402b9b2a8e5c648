"""Giving waiting walks to free walkers: as many as there are, none in advance."""

import time
from collections.abc import Sequence

from sqlalchemy import Connection, text

from orchestrator.contracts.names import Function
from orchestrator.contracts.parcel import WalkOrder
from orchestrator.services.hold import held
from orchestrator.services.lanes import EXPIRES_S, Lane, lock_running
from orchestrator.services.sort import read_rules

WALK_AHEAD = 32
"""How many entries a walk may send beyond those that are kept."""

_CHOOSE = text(f"""
    with lane as (
      select * from unnest(cast(:site as text[]), cast(:queue as text[]), cast(:credits as int[]))
        as u(site, queue, credits)
    ),
    out as (
      select w.job_id, d.site, d.queue from walks w join discoveries d on d.job_id = w.job_id
      join jobs j on j.id = w.job_id
      where w.ended_at is null and w.handed_at is not null and j.ended_at is null and not w.by_hub
    ),
    busy as (select site, queue, count(*) as n from out group by site, queue),
    free as (
      select lane.site, lane.queue, lane.credits - coalesce(busy.n, 0) as walkers
      from lane left join busy on busy.site = lane.site and busy.queue = lane.queue
      where lane.credits > coalesce(busy.n, 0)
    ),
    fair as (
      select j.id as job_id, w.subtree, free.walkers,
        row_number() over (
          partition by free.site, free.queue
          order by (coalesce(has.n, 0) + w.turn) / (j.priority + 1.0), j.id, w.subtree
        ) as place
      from jobs j
      join discoveries d on d.job_id = j.id and d.waiting + d.running + d.stopped > 0
      join free on free.site = d.site and free.queue = d.queue
      left join (select job_id, count(*) as n from out group by job_id) has on has.job_id = j.id
      cross join lateral (
        select subtree, row_number() over (order by subtree) as turn from walks
        where job_id = j.id and ended_at is null and state = 'Waiting' and handed_at is null and not by_hub
        order by subtree limit free.walkers
      ) w
      where j.ended_at is null and j.state in ('Pending', 'Started')
        and coalesce(j.not_before <= clock_timestamp(), true) and not {held("d.site", "d.queue")}
    )
    select job_id, subtree from fair where place <= walkers
""")  # noqa: S608 - our own words

_TAKE = text("""
    update walks w set
      attempt = w.attempt + 1, handed_at = now(), heard_at = now(), order_id = gen_random_uuid()::text, worker = null
    from unnest(cast(:job as bigint[]), cast(:subtree as int[])) as u(job, subtree), discoveries d
    where w.job_id = u.job and w.subtree = u.subtree and d.job_id = w.job_id
      and w.state = 'Waiting' and w.handed_at is null
    returning w.order_id, w.job_id, w.subtree, w.attempt, w.input, w.cursor, w.sequence,
      d.method, d.site, d.queue, d.options, d.rules
""")


def hand_out_walks(tx: Connection, lanes: Sequence[Lane], epoch: int) -> list[WalkOrder]:
    """Hand walks out under a new attempt; the rows of their jobs stay locked until the end of the transaction."""
    free = [lane for lane in lanes if lane.function == Function.DISCOVERY and not lane.held]
    if not free:
        return []
    values = {
        "site": [lane.site for lane in free],
        "queue": [lane.queue for lane in free],
        "credits": [lane.concurrency for lane in free],
    }
    chosen = tx.execute(_CHOOSE, values).all()
    if not chosen:
        return []
    running = lock_running(tx, (row.job_id for row in chosen))
    still = [row for row in chosen if row.job_id in running]
    named = {(lane.site, lane.queue): lane.epoch for lane in free}
    taken = {"job": [row.job_id for row in still], "subtree": [row.subtree for row in still]}
    return [
        WalkOrder(
            id=row["order_id"],
            site=row["site"],
            queue=row["queue"],
            method=row["method"],
            job=row["job_id"],
            subtree=row["subtree"],
            attempt=row["attempt"],
            input=row["input"],
            rules=read_rules(row["rules"]),
            options=row["options"],
            expires=time.time() + EXPIRES_S,
            cursor=row["cursor"],
            sequence=row["sequence"],
            grant=row["sequence"] + WALK_AHEAD,
            epoch=epoch,
            queue_epoch=named[row["site"], row["queue"]],
        )
        for row in tx.execute(_TAKE, taken).mappings()
    ]
