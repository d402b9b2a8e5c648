"""What metrics tell of the whole installation, as of one moment, and at a cost that does not grow with what is kept."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from orchestrator.contracts import views
from orchestrator.storage import tally
from orchestrator.storage.active import Hubs, read_hubs
from orchestrator.storage.queries.sites import list_sites
from orchestrator.storage.tally import Counted

MOST = 100_000
"""So many jobs are counted, and no more; the same for what waits for people, and holds."""
_AT_ONCE = 100
"""Sites."""

_JOBS = text(f"""
    select kind, state, count(*)::float8 as n from (
      select kind, state from jobs where ended_at is null limit {MOST}) as live
    group by kind, state
""")  # noqa: S608 - a number of ours
_TASKS = text(f"""
    select coalesce(sum(s.pending), 0)::float8 as pending, coalesce(sum(s.started), 0)::float8 as started
    from (select id from jobs where ended_at is null limit {MOST}) as live join job_steps s on s.job_id = live.id
""")  # noqa: S608
_PEOPLE = text(f"""
    select case when claimed_by is null then 'waiting' else 'claimed' end as state, count(*)::float8 as n,
      extract(epoch from clock_timestamp() - min(since))::float8 as oldest_s
    from (select claimed_by, since from asks limit {MOST}) as those group by 1
""")  # noqa: S608
_HOLDS = text(f"""
    select kind, count(*)::float8 as n from (select kind from holds where released_at is null limit {MOST}) as those
    group by kind
""")  # noqa: S608
_BEAT = text("select extract(epoch from at)::float8 from hub_heartbeat")


@dataclass(frozen=True, slots=True)
class Measures:
    """All of it."""

    jobs: dict[tuple[str, str], float]
    """(kind, state) -> jobs that have not ended."""
    tasks: dict[str, float]
    """State -> tasks of these that have not ended."""
    people: dict[str, "Asked"]
    holds: dict[str, float]
    """Kind -> open ones."""
    sites: list[views.Site]
    hubs: Hubs
    turned_at: float | None
    """Unix seconds, by the database's clock: when the active hub last said that it turns."""
    counted: dict[Counted, float]


@dataclass(frozen=True, slots=True)
class Asked:
    """Tasks that wait for people."""

    tasks: float
    oldest_s: float


def measure(tx: Connection) -> Measures:
    """Read all of it."""
    tasks = tx.execute(_TASKS).one()
    return Measures(
        jobs={(row.kind, row.state): row.n for row in tx.execute(_JOBS)},
        tasks={"Pending": tasks.pending, "Started": tasks.started},
        people={row.state: Asked(row.n, row.oldest_s) for row in tx.execute(_PEOPLE)},
        holds={row.kind: row.n for row in tx.execute(_HOLDS)},
        sites=list(_sites(tx)),
        hubs=read_hubs(tx),
        turned_at=tx.scalar(_BEAT),
        counted=tally.read(tx),
    )


def _sites(tx: Connection) -> Iterator[views.Site]:
    cursor: str | None = None
    while True:
        page = list_sites(tx, _AT_ONCE, cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return
