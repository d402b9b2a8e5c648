"""A real hub for the pools of a test, and what its database says."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from orchestrator import hub
from orchestrator.broker.connection import connect
from orchestrator.domain.health import Health
from orchestrator.services.define import create
from orchestrator.services.submit import submit
from orchestrator.storage.queries.sites import read_site
from tests.integration.workers.pool import SECRET


class HubAtWork:
    """Asks the database of a hub that runs."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def one(self, statement: str, **values: Any) -> Any:
        with self.engine.begin() as tx:
            return tx.execute(text(statement), values).one()

    def health(self, site: str) -> tuple[Health, list[str]]:
        with self.engine.begin() as tx:
            found = read_site(tx, site)
        return found.health, found.problems

    def hears(self, site: str, lanes: int) -> bool:
        """Whether so many queues of a site have heard their canaries."""
        query = "select count(*) as n from lanes where site = :site and canary_heard_at is not null"
        return self.one(query, site=site).n == lanes

    def submit(self, site: str, tasks: int, **action: Any) -> int:
        """A job of so many tasks, short ones unless told otherwise."""
        link = action or {"name": "sleep", "seconds": 0.1}
        rule = {"type": "all", "batch_size": 1, "action": [link]}
        paths = [f"/nowhere/{number}" for number in range(tasks)]
        with self.engine.begin() as tx:
            create(tx, {"name": "work", "discovery": None, "filter_rules": [rule]}, "tester")
            return submit(tx, {"workflow": "work", "site": site, "paths": paths}, "tester").job_id

    def processed(self, job: int) -> int:
        return self.one("select processed from progress where job_id = :job", job=job).processed

    def state(self, job: int) -> str:
        return self.one("select state from jobs where id = :job", job=job).state

    def succeeded(self, job: int) -> bool:
        return self.state(job) == "Success"

    def costs(self, job: int) -> int:
        """Tries and crashes of all its tasks."""
        return self.one("select sum(crashes + tries) as n from tasks where job_id = :job", job=job).n


@contextmanager
def at_work(engine: Engine, redis_url: str, workspaces: Path) -> Generator[HubAtWork]:
    """A hub, in a thread."""
    stop, redis = threading.Event(), connect(redis_url)
    thread = threading.Thread(target=hub.run, args=(engine, redis, SECRET, stop, workspaces))
    thread.start()
    yield HubAtWork(engine)
    stop.set()
    thread.join(30)
    redis.close()
    assert not thread.is_alive()
