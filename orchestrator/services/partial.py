"""What a queue offers: what all its workers do, since it can not choose among them.

An action that only some of them have is noted with the lane, and not handed out there until all have it.
"""

from sqlalchemy import Connection, text

from orchestrator.services.canary import LIVE
from orchestrator.services.lanes import NODE_SILENT_S

_NOTE = text(f"""
    with live as (
      select n.site, q.queue, n.function, n.actions, count(*) over (partition by n.site, q.queue, n.function) as nodes
      from nodes n cross join unnest(n.queues) as q(queue) where {LIVE} and n.function <> 'discovery'
    ),
    unlike as (
      select site, queue, function, action from live cross join unnest(live.actions) as a(action)
      group by site, queue, function, nodes, action having count(*) < nodes
    ),
    lane as (
      select live.site, live.queue, live.function,
        coalesce(array_agg(distinct unlike.action) filter (where unlike.action is not null), '{{}}') as partial
      from live left join unlike using (site, queue, function) group by 1, 2, 3
    )
    insert into lanes as l (site, queue, function, partial)
    select lane.* from lane left join lanes using (site, queue, function)
    where coalesce(lanes.partial, '{{}}') <> lane.partial
    on conflict (site, queue, function) do update set partial = excluded.partial
""")  # noqa: S608 - nothing is put in but a condition of ours


def note_partial(tx: Connection) -> None:
    """Note for each lane the actions that some of its live workers offer, and some do not."""
    tx.execute(_NOTE, {"silent": NODE_SILENT_S})
