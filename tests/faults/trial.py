"""One job that is put through faults: that it goes on within a bound after each, and that its end is the right one."""

import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy.exc import DBAPIError

from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.stack.wait import wait_until
from tests.acceptance.whole_stack import check_sums, make_files
from tests.faults.report import FAULT, TRIAL
from tests.faults.stack import SITE, Stack

Tell = Callable[[str, dict[str, Any]], None]
"""Hands numbers to the session's report."""

TASKS_GO_ON = """
    select exists (select from tasks where job_id = :job and dispatched_at > :since and ended_at is not null)
"""
"""A task that was handed out after that moment has ended: the whole way works again."""
WALK_GOES_ON = "select exists (select from batches where job_id = :job and created_at > :since)"
"""Something was found after that moment."""
END_GOES_ON = "select exists (select from tasks where job_id = :job and ended_at > :since)"
"""A task has ended after that moment: of a job that is being cancelled, of which nothing is handed out."""


class Trial:
    """A job of many short tasks on a stack, in chains of two; ``notes`` is where they say which paths they ran."""

    def __init__(self, stack: Stack, notes: Path, tell: Tell) -> None:
        self.stack, self.notes, self._tell = stack, notes, tell
        self.job, self.paths = 0, 0
        self.far = f"far-{uuid4().hex[:8]}"
        """The name of a site that no other trial has."""

    def begin(self, paths: int = 200, seconds: float = 0.05, site: str = SITE) -> int:
        """Submit a job over so many files, each a chain of two tasks that take so long; returns its number."""
        self.job = self.stack.whole.submit(self.workflow(seconds), self.folder(paths), site=site)
        return self.job

    def workflow(self, seconds: float = 0.05) -> str:
        """A workflow with a chain of two tasks a file."""
        step = {"name": "fault.note", "notes": str(self.notes), "seconds": seconds}
        return self.stack.whole.define(step, step, batch_size=1)

    def folder(self, paths: int) -> Path:
        """A folder with so many files."""
        self.paths = paths
        return make_files(self.stack.whole.folder(), [f"{number:05d}.txt" for number in range(paths)])[0].parent

    @property
    def ended_tasks(self) -> int:
        """How many tasks have ended."""
        return self.stack.record.one(
            "select count(*) from tasks where job_id = :job and ended_at is not null", job=self.job
        )

    @property
    def state(self) -> str:
        """The job's."""
        return self.stack.record.one("select state from jobs where id = :job", job=self.job)

    def under_way(self, ended: int = 15) -> None:
        """Wait until so many tasks have ended: a fault that meets no work shows nothing."""
        assert wait_until(lambda: self.ended_tasks >= ended, 60), f"{self.ended_tasks} of {ended} tasks have ended"

    @contextmanager
    def fault(self, name: str, within_s: float, goes_on: str = TASKS_GO_ON) -> Generator[None]:
        """Do it in this block; so many seconds after it work has to go on, which ``goes_on`` asks the database."""
        assert self.state not in BATCH_JOB.terminal, "there is nothing left that it could disturb"
        since = self._now()
        yield
        over = time.monotonic()
        with suppress(DBAPIError):
            since = self._now()
        if not wait_until(lambda: self.stack.record.says(goes_on, job=self.job, since=since), within_s):
            raise AssertionError(f"{name}: job {self.job} does not go on within {within_s} s; {self._out()}")
        self._tell(FAULT, {"fault": name, "recovered_s": round(time.monotonic() - over, 1)})

    def _out(self) -> str:
        """What is with the sites, for whoever has to find out why it does not go on."""
        out = "select to_jsonb(p) as parcel, clock_timestamp() from parcels p where job_id = :job"
        return f"with the sites: {self.stack.record.rows(out, job=self.job)}"

    def _now(self) -> datetime:
        return self.stack.record.one("select clock_timestamp()")

    def ends(self, state: str = "Success", within_s: float = 90.0) -> dict[str, Any]:
        """The job when it has ended, every path accounted for; with ``Success`` each went through both steps."""
        self.wait_for_end(within_s)
        assert wait_until(self._can_be_asked, 30)
        job = self.stack.whole.job(self.job)
        check_sums(job)
        assert job["state"] == state, job
        if state == "Success":
            assert job["paths"]["processed"] == self.paths, job
            ran = self.ran()
            assert len(ran) == len(job["steps"]) * self.paths, f"{len(ran)} runs for {self.paths} paths"
        self._tell(TRIAL, {"tasks": sum(job["tasks"].values()), "twice": self.twice()})
        return job

    def wait_for_end(self, within_s: float = 90.0) -> str:
        """The state in which it has ended."""
        ended = "select ended_at is not null from jobs where id = :job"
        if not wait_until(lambda: self.stack.record.says(ended, job=self.job), within_s):
            raise AssertionError(f"job {self.job} is still {self.stack.whole.job(self.job)}")
        return self.state

    def ran(self) -> Counter[tuple[int, str]]:
        """How often each (step, path) was run."""
        found: Counter[tuple[int, str]] = Counter()
        if self.notes.exists():
            for line in self.notes.read_text().splitlines():
                step, _task, _attempt, _pid, path = line.split(" ", 4)
                found[int(step), path] += 1
        return found

    def twice(self) -> int:
        """How many of them ran more than once: allowed, and to be known."""
        return sum(times > 1 for times in self.ran().values())

    def _can_be_asked(self) -> bool:
        try:
            return self.stack.whole.http.get(f"/jobs/{self.job}").is_success
        except httpx.TransportError:
            return False
