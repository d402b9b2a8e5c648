"""Sites: who is there, what waits and runs, and how well it goes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, extract, func, select, text

from orchestrator.contracts import views
from orchestrator.contracts.names import Function
from orchestrator.domain.health import GONE_AFTER_S, LeftQueue, NodeView, PoolView, site_health
from orchestrator.errors import NotFound
from orchestrator.storage.queries.keyset import decode, page
from orchestrator.storage.queries.restarts import restarts_of
from orchestrator.storage.tables import nodes, site_actions, sites

_COUNTED_UP_TO = 10_000
_NODES_SHOWN = 1000

# Every pool that has something waiting is found by skipping through the key of `ready`; each is counted up to a bound.
_WAITING = text(f"""
    with recursive pools as (
        (select site, queue, function from ready where site = any(:sites) order by 1, 2, 3 limit 1)
        union all
        select next.* from pools cross join lateral (
            select r.site, r.queue, r.function from ready r
            where r.site = any(:sites) and (r.site, r.queue, r.function) > (pools.site, pools.queue, pools.function)
            order by 1, 2, 3 limit 1) next
    )
    select site, queue, function, waiting, oldest_s from pools cross join lateral (
        select count(*) as waiting, extract(epoch from now() - min(since))::float8 as oldest_s from (
            select r.since from ready r
            where (r.site, r.queue, r.function) = (pools.site, pools.queue, pools.function)
              and coalesce(r.run_after <= now(), true)
            limit {_COUNTED_UP_TO}) these) counted
""")  # noqa: S608 - the only thing put in is a number of ours

_WITH_SITE = text("""
    select p.site, p.queue, p.function, count(*) filter (where t.state = 'Started') as running,
        count(*) filter (where t.state <> 'Started') as waiting,
        extract(epoch from now() - min(p.handed_at) filter (where t.state <> 'Started'))::float8 as oldest_s
    from parcels p join handouts h on h.parcel = p.id join tasks t on t.id = h.task_id
    where p.site = any(:sites) group by 1, 2, 3
""")

_WALKS = text("""
    select d.site, d.queue, count(*) filter (where w.state = 'Running') as running,
        count(*) filter (where w.state = 'Waiting') as waiting,
        extract(epoch from now() - min(coalesce(w.handed_at, j.created_at)) filter (where w.state = 'Waiting'))::float8
            as oldest_s
    from jobs j join discoveries d on d.job_id = j.id join walks w on w.job_id = j.id
    where j.ended_at is null and j.state in ('Pending', 'Started') and w.ended_at is null and d.site = any(:sites)
    group by 1, 2
""")

_OUT = text("""
    select site, count(*)::int as out from (
        select p.site from parcels p join handouts h on h.parcel = p.id
        union all
        select d.site from walks w join discoveries d on d.job_id = w.job_id
        where w.ended_at is null and w.handed_at is not null) these
    where site = any(:sites) group by site
""")

_LEFT = text("""
    select l.site, a.detail ->> 'queue' as name, (a.detail ->> 'messages')::int as messages
    from lanes l cross join lateral (
        select detail, at from audit
        where subject = concat_ws('.', l.site, l.queue, l.function) and action = 'lane.epoch'
        order by id desc limit 1) a
    where l.epoch > 0 and l.site = any(:sites) and a.at > now() - make_interval(days => 7) order by 1, 2
""")


@dataclass(slots=True)
class _Load:
    """What one pool has to do."""

    running: int = 0
    waiting: int = 0
    oldest_s: float | None = None

    def add(self, row: Any) -> None:
        self.running += getattr(row, "running", 0)
        self.waiting += row.waiting
        if row.oldest_s is not None:
            self.oldest_s = max(self.oldest_s or 0.0, row.oldest_s)


def list_sites(tx: Connection, limit: int, cursor: str | None = None) -> views.Page[views.Site]:
    """Every site that has announced itself, by name."""
    query = select(sites).order_by(sites.c.name)
    if cursor is not None:
        query = query.where(sites.c.name > decode(cursor, str)[0])
    found = page(tx, query, limit, lambda row: row, lambda row: [row.name])
    return views.Page[views.Site](items=_views(tx, found.items), next_cursor=found.next_cursor)


def read_site(tx: Connection, name: str) -> views.Site:
    """One site; NotFound when it has never announced itself."""
    rows = tx.execute(select(sites).where(sites.c.name == name)).all()
    if not rows:
        raise NotFound(f"no site {name!r} has announced itself")
    return _views(tx, rows)[0]


def _views(tx: Connection, rows: Sequence[Row[Any]]) -> list[views.Site]:
    names = [row.name for row in rows]
    there, loads, offers = _nodes(tx, names), _loads(tx, names), _offers(tx, names)
    out = {row.site: row.out for row in tx.execute(_OUT, {"sites": names})}
    left: defaultdict[str, list[LeftQueue]] = defaultdict(list)
    for row in tx.execute(_LEFT, {"sites": names}):
        left[row.site].append(LeftQueue(row.name, row.messages))
    restarts = restarts_of(tx, names)
    return [
        _view(row, out.get(row.name, 0), there[row.name], loads[row.name], offers[row.name], left[row.name]).model_copy(
            update={"restart": restarts.get(row.name)}
        )
        for row in rows
    ]


def _nodes(tx: Connection, names: Sequence[str]) -> defaultdict[str, list[tuple[views.Node, list[str]]]]:
    """The nodes of each site, those heard last first, each with the discoveries it offers."""
    silent_s = extract("epoch", func.now() - nodes.c.last_heard)
    query = select(nodes, ((silent_s < GONE_AFTER_S) & nodes.c.left_at.is_(None)).label("live"))
    query = query.where(nodes.c.site.in_(names)).order_by(nodes.c.last_heard.desc()).limit(_NODES_SHOWN)
    found: defaultdict[str, list[tuple[views.Node, list[str]]]] = defaultdict(list)
    for row in tx.execute(query):
        told = {name: getattr(row, name) for name in views.Node.model_fields}
        found[row.site].append((views.Node(**told), row.discoveries))
    return found


def _loads(tx: Connection, names: Sequence[str]) -> defaultdict[str, dict[tuple[str, str], _Load]]:
    loads: defaultdict[str, dict[tuple[str, str], _Load]] = defaultdict(dict)
    for statement in (_WAITING, _WITH_SITE, _WALKS):
        for row in tx.execute(statement, {"sites": list(names)}):
            function = getattr(row, "function", Function.DISCOVERY.value)
            loads[row.site].setdefault((row.queue, function), _Load()).add(row)
    return loads


def _offers(tx: Connection, names: Sequence[str]) -> defaultdict[str, list[views.OfferedAction]]:
    offers: defaultdict[str, list[views.OfferedAction]] = defaultdict(list)
    query = select(site_actions).where(site_actions.c.site.in_(names)).order_by(site_actions.c.action)
    for row in tx.execute(query):
        told = {name: getattr(row, name) for name in views.OfferedAction.model_fields}
        offers[row.site].append(views.OfferedAction(**told))
    return offers


def _view(
    row: Row[Any],
    out: int,
    there: list[tuple[views.Node, list[str]]],
    loads: dict[tuple[str, str], _Load],
    offers: list[views.OfferedAction],
    left: Sequence[LeftQueue],
) -> views.Site:
    live = [node for node, _ in there if node.live]
    pools = _pools(live, loads)
    health, problems = site_health(
        [NodeView(n.node, n.live, n.left_at is not None, n.clock_skew_s, n.problems, n.deaf) for n, _ in there],
        [PoolView(f"{p.queue}.{p.function}", p.nodes, p.running, p.waiting, p.oldest_wait_s) for p in pools],
        accepting=row.enabled and not row.draining,
        left=left,
    )
    waits = [pool.oldest_wait_s for pool in pools if pool.oldest_wait_s is not None]
    return views.Site(
        **{name: getattr(row, name) for name in ("name", "enabled", "draining", "first_heard", "last_heard")},
        drained=row.draining and not out,
        with_site=out,
        health=health,
        problems=problems,
        functions=sorted({pool.function for pool in pools}),
        concurrency=sum(node.concurrency for node in live),
        running=sum(pool.running for pool in pools),
        waiting=sum(pool.waiting for pool in pools),
        oldest_wait_s=max(waits, default=None),
        queues=pools,
        nodes=[node for node, _ in there],
        actions=offers,
        discoveries=sorted({method for node, methods in there if node.live for method in methods}),
    )


def _pools(live: Sequence[views.Node], loads: dict[tuple[str, str], _Load]) -> list[views.Pool]:
    """A pool is there when a live node serves it or something waits for it."""
    served = {(queue, node.function) for node in live for queue in node.queues}
    pools: list[views.Pool] = []
    for queue, function in sorted(served | loads.keys()):
        at_work = [node for node in live if node.function == function and queue in node.queues]
        load = loads.get((queue, function), _Load())
        pools.append(
            views.Pool(
                queue=queue,
                function=function,
                nodes=len(at_work),
                concurrency=sum(node.concurrency for node in at_work),
                running=load.running,
                waiting=load.waiting,
                oldest_wait_s=load.oldest_s,
            )
        )
    return pools
