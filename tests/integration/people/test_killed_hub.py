"""Work for people while the hub is killed between every two of the tools: nothing is made twice, nothing is lost."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from orchestrator.api.app import make_app
from orchestrator.stack.wait import wait_until
from tests.integration.people.conftest import Document, People
from tests.integration.workers.conftest import start_pool
from tests.integration.workers.pool import SECRET, Pool

__all__ = ["start_pool"]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def app(engine: Engine, redis_url: str) -> FastAPI:
    """With the secret of the pools."""
    return make_app(engine, secret=SECRET, redis_url=redis_url)


class MortalHub:
    """The process of a hub, and the next one when it has been killed."""

    def __init__(self, engine: Engine, environment: dict[str, str]) -> None:
        self._engine, self._environment = engine, environment
        self._start()

    def kill(self) -> None:
        """End it as nothing else does; gives way to the next, which has the lock when this returns."""
        self.end()
        self._start()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _start(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "orchestrator.hub"], env=self._environment)
        assert wait_until(self._is_active, 60), "it does not become active"

    def _is_active(self) -> bool:
        with self._engine.begin() as tx:
            name = tx.execute(text("select hub from hub_heartbeat")).scalar()
        return name is not None and name.endswith(f":{self._process.pid}")


@pytest.fixture
def hub(engine: Engine, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[MortalHub]:
    told = {
        "ORCHESTRATOR_HOME": str(tmp_path),
        "ORCHESTRATOR_DATABASE_URL": database_url,
        "ORCHESTRATOR_REDIS_URL": redis_url,
        "ORCHESTRATOR_SECRET": SECRET.decode(),
    }
    hub = MortalHub(engine, {**os.environ, **told})
    yield hub
    hub.end()


@pytest.mark.parametrize("advance", ["manual", "auto"])
def test_the_hub_is_killed_between_every_two_of_the_tools(
    hub: MortalHub, people: People, start_pool: Callable[..., Pool], advance: str
) -> None:
    admin, pool = people.admin, start_pool(supervised=True, more="discovery = 1\n")

    def offers() -> bool:
        nodes = admin.see(f"/sites/{pool.site}")["nodes"] if admin.ask("GET", f"/sites/{pool.site}").is_success else []
        return len(nodes) == 2

    assert wait_until(offers, 60), pool.log_text()
    for name in ("a.txt", "b.txt"):
        (pool.data / name).write_text(name)
    rule = {"type": "file", "action": [{"name": "fs.checksum"}]}
    admin.do("/workflows", name="sums", discovery="recursive", filter_rules=[rule])
    run = {"workflow": "sums", "site": pool.site, "paths": [str(pool.data)]}
    admin.do("/task-groups", name="rework", tasks=[{"name": "fix"}])
    tasks = [{"name": "collect"}, {"name": "publish", **run}, {"name": "check"}, {"name": "never"}]
    admin.do("/task-groups", name="sheet", tasks=tasks)
    job: int = admin.do("/jobs", task_group="sheet", advance=advance)["id"]

    def tool(path: str, of: int = job, **body: Any) -> Document:
        hub.kill()
        return admin.do(f"/jobs/{of}/{path}", **body)

    def begun() -> int:
        """The job of the next task: made by hand, or already there."""
        if advance == "manual":
            tool("next-task")
            made = [tool("task-job")["id"] for _ in range(2)]
            assert made[0] == made[1]
        return next(row["job_id"] for row in admin.rows(job) if row["code"] in (2, 5))

    if advance == "manual":
        tool("task-list")
    collect = begun()
    tool("task-status", collect, status="WORKING")
    tool("insert-task-group", task_group="rework", at="end")
    tool("task-status", collect, status="COMPLETE", parent_id=job)
    begun()
    hub.kill()
    assert wait_until(lambda: admin.rows(job)[1]["code"] == 10, 60), (admin.rows(job), pool.log_text())
    check = begun()
    tool("cancel-remaining-tasks")
    for status in ("WORKING", "COMPLETE"):
        tool("task-status", check, status=status)
    if advance == "manual":
        assert tool("next-task") == {"current_task": None}
    assert admin.see(f"/jobs/{job}")["state"] == "Success"
    assert admin.statuses(job) == [("collect", 10), ("publish", 10), ("check", 10), ("never", 0), ("fix", 0)]
    children = admin.see(f"/jobs?parent={job}")["items"]
    assert len(children) == 3, "no child is made twice"
    runs = admin.see(f"/jobs?parent={admin.rows(job)[1]['job_id']}")["items"]
    assert [one["state"] for one in runs] == ["Success"], "and no run"
