"""Sites: who is there, what waits and runs, and how well it goes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, extract, func, select, text

from orchestrator.contracts import views
from orchestrator.contracts.names import Function
from orchestrator.domain.chain import STEP_MASK
from orchestrator.domain.health import GONE_AFTER_S, LONG_AFTER_S, LeftQueue, NodeView, Overdue, PoolView, site_health
from orchestrator.errors import NotFound
from orchestrator.storage.queries.keyset import page_by
from orchestrator.storage.queries.restarts import restarts_of
from orchestrator.storage.tables import nodes, site_actions, sites

_COUNTED_UP_TO = 10_000
_NODES_SHOWN = 1000
_NODE = views.Node.model_fields.keys() - {"flower_url"}

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
    select site, queue, function, 0 as running, waiting, oldest_s, null::float8 as longest_s, 0 as out
    from pools cross join lateral (
        select count(*) as waiting, extract(epoch from now() - min(since))::float8 as oldest_s from (
            select r.since from ready r
            where (r.site, r.queue, r.function) = (pools.site, pools.queue, pools.function)
            limit {_COUNTED_UP_TO}) these) counted
""")  # noqa: S608 - the only thing put in is a number of ours

_WITH_SITE = text("""
    select p.site, p.queue, p.function, count(*) filter (where t.state = 'Started') as running,
        count(*) filter (where t.state <> 'Started') as waiting,
        extract(epoch from now() - min(p.handed_at) filter (where t.state <> 'Started'))::float8 as oldest_s,
        extract(epoch from now() - min(t.started_at) filter (where t.state = 'Started'))::float8 as longest_s,
        count(*) as out
    from parcels p join handouts h on h.parcel = p.id join tasks t on t.id = h.task_id
    where p.site = any(:sites) group by 1, 2, 3
""")

_WALKS = text("""
    select d.site, d.queue, count(*) filter (where w.state = 'Running') as running,
        count(*) filter (where w.state = 'Waiting') as waiting,
        extract(epoch from now() - min(coalesce(w.handed_at, j.created_at)) filter (where w.state = 'Waiting'))::float8
            as oldest_s,
        null::float8 as longest_s, 0 as out
    from jobs j join discoveries d on d.job_id = j.id join walks w on w.job_id = j.id
    where j.ended_at is null and j.state in ('Pending', 'Started') and w.ended_at is null and d.site = any(:sites)
    group by 1, 2
""")

_WALKS_OUT = text("""
    select d.site, d.queue, 0 as running, 0 as waiting, null::float8 as oldest_s, null::float8 as longest_s,
        count(*)::int as out
    from walks w join discoveries d on d.job_id = w.job_id
    where w.ended_at is null and w.handed_at is not null and d.site = any(:sites) group by 1, 2
""")

_OVERDUE = text("""
    select p.site, p.queue, p.function, s.action, count(*) as tasks, a.longest_s,
        extract(epoch from now() - min(t.started_at))::float8 as running_s
    from parcels p join handouts h on h.parcel = p.id join tasks t on t.id = h.task_id
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    join site_actions a on a.site = p.site and a.action = s.action and a.function = p.function
    where p.site = any(:sites) and t.state = 'Started'
        and t.started_at < now() - make_interval(secs => greatest(a.longest_s, :long))
    group by 1, 2, 3, 4, a.longest_s order by 1, 2, 3, 4
""")

_STANCES = text("select site, queue, function, disabled, draining from stances where site = any(:sites)")

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
    out: int = 0
    oldest_s: float | None = None
    longest_s: float | None = None
    overdue: list[Overdue] = field(default_factory=list[Overdue])

    def add(self, row: Any) -> None:
        self.running += row.running
        self.waiting += row.waiting
        self.out += row.out
        if row.oldest_s is not None:
            self.oldest_s = max(self.oldest_s or 0.0, row.oldest_s)
        if row.longest_s is not None:
            self.longest_s = max(self.longest_s or 0.0, row.longest_s)


@dataclass(slots=True)
class _There:
    """Who is at a site: its nodes, those heard last first, with what each offers."""

    nodes: list[views.Node] = field(default_factory=list[views.Node])
    versions: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """Node -> action -> version."""
    discoveries: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


def list_sites(tx: Connection, limit: int, cursor: str | None = None) -> views.Page[views.Site]:
    """Every site that has announced itself, by name."""
    found = page_by(tx, select(sites), sites.c.name, limit, cursor, lambda row: row)
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
    said: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in tx.execute(_STANCES, {"sites": names}):
        said[row.site].append(row)
    left: defaultdict[str, list[LeftQueue]] = defaultdict(list)
    for row in tx.execute(_LEFT, {"sites": names}):
        left[row.site].append(LeftQueue(row.name, row.messages))
    restarts = restarts_of(tx, names)
    pools = {name: _pools(there[name], loads[name], said[name]) for name in names}
    return [
        _view(row, there[row.name], pools[row.name], offers[row.name], left[row.name], restarts.get(row.name))
        for row in rows
    ]


def _nodes(tx: Connection, names: Sequence[str]) -> defaultdict[str, _There]:
    silent_s = extract("epoch", func.now() - nodes.c.last_heard)
    query = select(nodes, ((silent_s < GONE_AFTER_S) & nodes.c.left_at.is_(None)).label("live"))
    query = query.where(nodes.c.site.in_(names)).order_by(nodes.c.last_heard.desc()).limit(_NODES_SHOWN)
    found: defaultdict[str, _There] = defaultdict(_There)
    for row in tx.execute(query):
        told, site = {name: getattr(row, name) for name in _NODE}, found[row.site]
        site.nodes.append(views.Node(**told))
        site.versions[row.node] = {action: row.versions.get(action, "") for action in row.actions}
        site.discoveries[row.node] = row.discoveries
    return found


def _loads(tx: Connection, names: Sequence[str]) -> defaultdict[str, dict[tuple[str, str], _Load]]:
    loads: defaultdict[str, dict[tuple[str, str], _Load]] = defaultdict(dict)
    for statement in (_WAITING, _WITH_SITE, _WALKS, _WALKS_OUT):
        for row in tx.execute(statement, {"sites": list(names)}):
            function = getattr(row, "function", Function.DISCOVERY.value)
            loads[row.site].setdefault((row.queue, function), _Load()).add(row)
    for row in tx.execute(_OVERDUE, {"sites": list(names), "mask": STEP_MASK, "long": LONG_AFTER_S}):
        late = Overdue(row.action, row.tasks, row.running_s, row.longest_s)
        loads[row.site].setdefault((row.queue, row.function), _Load()).overdue.append(late)
    return loads


def _offers(tx: Connection, names: Sequence[str]) -> defaultdict[str, list[views.OfferedAction]]:
    offers: defaultdict[str, list[views.OfferedAction]] = defaultdict(list)
    query = select(site_actions).where(site_actions.c.site.in_(names)).order_by(site_actions.c.action)
    for row in tx.execute(query):
        told = {name: getattr(row, name) for name in views.OfferedAction.model_fields}
        offers[row.site].append(views.OfferedAction(**told))
    return offers


@dataclass(frozen=True, slots=True)
class _Pool:
    """A pool as it is shown, and what its health is judged by beside that."""

    shown: views.Pool
    overdue: Sequence[Overdue]

    @property
    def judged(self) -> PoolView:
        """As its health is judged."""
        one = self.shown
        partly = [some.action for some in one.partly if some.missing]
        accepting = one.enabled and not one.draining
        name = f"{one.queue}.{one.function}"
        return PoolView(name, one.nodes, one.running, one.waiting, one.oldest_wait_s, accepting, partly, self.overdue)


def _view(
    row: Row[Any],
    there: _There,
    pools: Sequence[_Pool],
    offers: list[views.OfferedAction],
    left: Sequence[LeftQueue],
    restart: views.Restart | None,
) -> views.Site:
    live = [node for node in there.nodes if node.live]
    health, problems = site_health(
        [NodeView(n.node, n.live, n.left_at is not None, n.clock_skew_s, n.problems, n.deaf) for n in there.nodes],
        [pool.judged for pool in pools],
        accepting=row.enabled and not row.draining,
        left=left,
    )
    queues = [pool.shown for pool in pools]
    waits = [queue.oldest_wait_s for queue in queues if queue.oldest_wait_s is not None]
    out = sum(queue.with_site for queue in queues)
    return views.Site(
        **{name: getattr(row, name) for name in ("name", "enabled", "draining", "first_heard", "last_heard")},
        drained=row.draining and not out,
        with_site=out,
        health=health,
        problems=problems,
        functions=sorted({queue.function for queue in queues}),
        concurrency=sum(node.concurrency for node in live),
        running=sum(queue.running for queue in queues),
        waiting=sum(queue.waiting for queue in queues),
        oldest_wait_s=max(waits, default=None),
        queues=queues,
        nodes=there.nodes,
        actions=offers,
        discoveries=sorted({method for node in live for method in there.discoveries[node.node]}),
        restart=restart,
    )


def _pools(there: _There, loads: Mapping[tuple[str, str], _Load], said: Sequence[Row[Any]]) -> list[_Pool]:
    """A pool is there when a live node serves it, something waits for it, or somebody has said something of it."""
    live = [node for node in there.nodes if node.live]
    known = {(queue, node.function) for node in live for queue in node.queues} | loads.keys()
    known |= {(row.queue, row.function) for row in said if row.queue and row.function}
    pools: list[_Pool] = []
    for queue, function in sorted(known):
        at_work = [node for node in live if node.function == function and queue in node.queues]
        load = loads.get((queue, function), _Load())
        about = [row for row in said if row.queue in ("", queue) and row.function in ("", function)]
        draining = any(row.draining for row in about)
        actions, partly = _offered({node.node: there.versions[node.node] for node in at_work})
        shown = views.Pool(
            queue=queue,
            function=function,
            enabled=not any(row.disabled for row in about),
            draining=draining,
            drained=draining and not load.out,
            with_site=load.out,
            nodes=len(at_work),
            actions=actions,
            partly=partly,
            concurrency=sum(node.concurrency for node in at_work),
            running=load.running,
            waiting=load.waiting,
            oldest_wait_s=load.oldest_s,
            longest_running_s=load.longest_s,
        )
        pools.append(_Pool(shown, load.overdue))
    return pools


def _offered(versions: Mapping[str, Mapping[str, str]]) -> tuple[list[str], list[views.PartlyOffered]]:
    """What all of these nodes offer, and what not all of them offer alike."""
    everywhere: list[str] = []
    partly: list[views.PartlyOffered] = []
    for action in sorted({action for offered in versions.values() for action in offered}):
        having = {node: offered[action] for node, offered in sorted(versions.items()) if action in offered}
        missing = sorted(versions.keys() - having.keys())
        if not missing:
            everywhere.append(action)
        if missing or len(set(having.values())) > 1:
            partly.append(views.PartlyOffered(action=action, versions=having, missing=missing))
    return everywhere, partly
