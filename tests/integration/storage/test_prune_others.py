"""What belongs to no job goes by periods of its own."""

from typing import Any

from sqlalchemy import Engine, text

from benchmarks.rows import fill
from orchestrator.domain.retention import Periods
from orchestrator.services.prune import prune
from orchestrator.storage.queries.prunable import prunable
from orchestrator.storage.queries.snapshot import snapshot


def one(engine: Engine, statement: str) -> Any:
    with engine.begin() as tx:
        return tx.execute(text(statement)).scalar()


def test_what_belongs_to_no_job_goes_by_its_own_period(engine: Engine, database_url: str) -> None:
    fill(database_url, tasks=100, jobs=10)
    long_ago = "now() - interval '9 d'"
    rows = [
        """insert into stale_reports (task_id, attempt, site, node, said, reason, at)
          select 1, 1, 'a', 'b', 'c', 'd', now() - make_interval(days => n) from generate_series(1, 1200) n""",
        f"insert into dead_letters (stream, entry, reason, content, at) values ('a', 'b', 'c', '', {long_ago})",
        f"insert into audit (actor, action, subject, at) values ('a', 'b', 'c', {long_ago}), ('a', 'b', 'd', now())",
        f"insert into made_once (owner, key, digest, at) values ('a', 'b', '', {long_ago}), ('a', 'c', '', now())",
        f"insert into holds (site, reason, author, released_at) values ('a', 'b', 'c', {long_ago})",
        "insert into holds (site, reason, author) values ('a', 'b', 'c')",
        "insert into webhooks (url, owner) values ('https://a', 'b')",
        f"""insert into deliveries (webhook_id, job_id, event, body, dead_at)
          select id, 1, 'a', '{{}}', at from webhooks, unnest(array[null, now(), {long_ago}]) as at""",
        """insert into schedules (name, owner, workflow, site, enabled, definition)
          values ('a', 'b', 'c', 'd', false, '{}')""",
        f"""insert into firings (schedule_id, due_at, outcome, at)
          select id, {long_ago} + n * interval '1 s', outcome, at from schedules,
            (values (1, 'skipped', {long_ago}), (2, 'queued', {long_ago}), (3, 'missed', now())) f(n, outcome, at)""",
        f"update nodes set last_heard = {long_ago} where site = 'site-3'",
        f"""insert into workflows (name, version, deleted_at)
          values ('gone', 1, {long_ago}), ('just gone', 1, now()), ('here', 1, null)""",
        """insert into memories (key, root, workflow, site, job_id)
          select convert_to(name || site, 'utf8'), '/', name, site,
            case site when 'runs' then (select min(id) from jobs where state = 'Started') end
          from workflows, unnest(array['a', 'runs']) as site where name in ('gone', 'just gone', 'here')""",
        """insert into remembered (memory, at, name, folder, kind, inode, size, mtime_ns)
          select id, gen_random_uuid(), convert_to(n::text, 'utf8'), '/', 'file', n, n, n
          from memories, generate_series(1, 700) n""",
    ]
    with engine.begin() as tx:
        for row in rows:
            tx.execute(text(row))
    periods = Periods(reports=5.5, audit=5)
    with snapshot(engine) as tx:
        told = prunable(tx, periods).others
    assert told == {
        "stale_reports": 1195, "dead_letters": 1, "nodes": 2, "audit": 1, "deliveries": 1, "holds": 1,
        "firings": 1, "made_once": 1, "remembered": 700, "memories": 1,
    }  # fmt: skip
    assert prune(engine, periods).others == told
    assert prune(engine, periods).others.total() == 0
    assert one(engine, "select count(*) from stale_reports") == 5
    assert one(engine, "select count(*) from holds") == 1
    assert one(engine, "select count(*) from memories") == 5
