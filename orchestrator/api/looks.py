"""How the live events look at the database: in a thread, one short read for all who listen."""

from collections.abc import Collection, Mapping

from anyio import to_thread
from sqlalchemy import Engine

from orchestrator.api import feed, news
from orchestrator.contracts.views import Snapshot
from orchestrator.storage.queries.happened import read_happened, read_moves
from orchestrator.storage.queries.jobs import read_snapshots
from orchestrator.storage.queries.snapshot import snapshot


def look_at_jobs(engine: Engine) -> feed.Look:
    """Some jobs as they are now, each after its moves since it was last looked at."""

    def read(since: Mapping[int, int | None]) -> Mapping[int, list[Snapshot]]:
        with snapshot(engine) as tx:
            found = {job_id: [one] for job_id, one in read_snapshots(tx, list(since)).items()}
            between = {
                job_id: (after, now.seq)
                for job_id, [now] in found.items()
                if (after := since[job_id]) is not None and after + 1 < now.seq
            }
            for job_id, seq, before, state in read_moves(tx, between):
                *_, now = found[job_id]
                move = now.model_copy(update={"seq": seq, "state": state, "from_": before})
                found[job_id].insert(-1, move)
        return found

    async def look(since: Mapping[int, int | None]) -> Mapping[int, list[Snapshot]]:
        return await to_thread.run_sync(read, since)

    return look


def look_at_all(engine: Engine) -> news.Look:
    """What has happened to all jobs since some marks."""

    def read(marks: Collection[str]) -> news.Read:
        with snapshot(engine) as tx:
            return news.Read(*read_happened(tx, marks))

    async def look(marks: Collection[str]) -> news.Read:
        return await to_thread.run_sync(read, marks)

    return look
