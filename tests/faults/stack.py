"""A stack for putting through faults: its processes by name, and its servers past everything that is between."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from uuid import uuid4

import psutil
from redis import Redis

from orchestrator.broker.connection import connect
from orchestrator.config import read_secret
from orchestrator.contracts.names import Function
from orchestrator.stack.home import secret_of
from orchestrator.stack.lifeline import end_all, is_alive, marked
from orchestrator.stack.parts import Installation
from orchestrator.stack.program import Program, launch
from orchestrator.stack.sites import SitePlan, write_site
from orchestrator.stack.wait import wait_until
from tests.acceptance.whole_stack import Whole
from tests.faults import fault_actions
from tests.faults.record import Record

ACTIONS = Path(fault_actions.__file__)
SITE = "london"
SMALL: Sequence[object] = ("--no-flower", "--site", SITE, "--actions", ACTIONS, "--concurrency", 4)
"""How the stack is started: one site, four tasks at a time."""

_PRESENT = "select count(*) = 2 from nodes where site = :site and left_at is null"

_WAITING_HUBS = """
    select count(*) from pg_stat_activity a
    where a.application_name = 'orchestrator hub'
      and not exists (select from pg_locks l where l.pid = a.pid and l.locktype = 'advisory')
"""


@dataclass(frozen=True)
class Stack:
    """A running stack, and the ways to hurt it."""

    whole: Whole
    record: Record
    redis_url: str

    @cached_property
    def installation(self) -> Installation:
        """What its programs are told, for starting more of them."""
        home, secret = self.whole.home, secret_of(self.whole.home)
        variable = {"ORCHESTRATOR_SECRET_FILE": str(secret)}
        return Installation(home, self.whole.profile["database_url"], self.redis_url, read_secret(secret), variable)

    @contextmanager
    def also(self, program: Program, *before: str, **environment: str) -> Generator[subprocess.Popen[bytes]]:
        """Run one more program (``before`` are words to run it by), told this too; it is gone afterwards."""
        told = {**program.environment, **environment}
        # Under a name that nobody else has, by which the stack and we find what it leaves behind.
        name = f"{program.name}-{uuid4().hex[:8]}"
        mark = str(self.whole.home.resolve())
        program = replace(program, name=name, command=[*before, *program.command], environment=told)
        process = launch(program, mark)
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            end_all(lambda: marked(mark, name), grace=0.0, first=signal.SIGKILL)

    def site(self, name: str, redis_url: str | None = None, concurrency: int = 2) -> Program:
        """All pools of a site of this name, to be run by hand; they reach the broker at this address."""
        plan = SitePlan([self.whole.data], [str(ACTIONS)], self.whole.data, concurrency)
        file = write_site(self.whole.home, name, plan, self.installation.secret, redis_url or self.redis_url)
        pool = self.installation.pool(name, file, Function.WORKER)
        return replace(pool, command=[sys.executable, "-P", "-m", "workers", "--config", str(file)])

    def has_site(self, name: str) -> bool:
        """Whether the hub has heard of both pools of a site, since it has this name."""
        return self.record.says(_PRESENT, site=name)

    def stand(self, seconds: float) -> None:
        """Leave everything as it is for so long: faults that last do so by a length that the test chose."""
        wait_until(lambda: False, seconds)

    def waiting_hubs(self) -> int:
        """How many hubs stand by: they are connected, and do not have the lock."""
        return self.record.one(_WAITING_HUBS)

    def active_hub(self) -> int:
        """The process of the hub that has the lock, by its heartbeat."""
        return int(self.record.one("select hub from hub_heartbeat").rpartition(":")[2])

    @property
    def redis(self) -> Redis:
        """A client of its broker, to be closed by who takes it."""
        return connect(self.redis_url)

    def pid(self, part: str) -> int:
        """The process of a part, once it has one that lives."""
        found: list[int] = []

        def runs() -> bool:
            pid = self.whole.pid(part)
            found[:] = [pid] if pid is not None and is_alive(pid) else []
            return bool(found)

        assert wait_until(runs, 30), f"{part} is not started again"
        return found[0]

    def children(self, part: str) -> list[int]:
        """The processes of a pool."""
        return sorted(child.pid for child in psutil.Process(self.pid(part)).children())

    def kill(self, part: str) -> None:
        """SIGKILL to the process of a part."""
        os.kill(self.pid(part), signal.SIGKILL)
