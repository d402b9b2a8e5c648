"""Our own side: a whole stack on a temporary home, started by ``orchestrator up`` and used through its API."""

import json
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg

from orchestrator.client import DocumentClient
from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.stack.profile import Profile, read_profile
from orchestrator.stack.scratch import Stage, running, stage

Document = dict[str, Any]

SITE = "london"
MOST_LISTED = 100_000
"""Of so many tasks each one is looked at, by pages; of more, the counters."""
_LOOK_S, _LOOKS = 0.01, 30
"""Each look at a job costs the API, on the same cores, some milliseconds: the longer it takes, the fewer there are."""
_AT_REST_WITHIN_S, _QUIET_S = 180.0, 12.0
_TIDIES = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"


class Unsound(Exception):
    """Something did not come out as it must: then there is no figure."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that runs, with what is needed to give it work."""

    stage: Stage
    client: DocumentClient
    profile: Profile

    def define(
        self, *chain: str | Document, batch_size: int = 1, kind: str = "all", discovery: str | None = None
    ) -> str:
        """A new workflow with one rule for this kind of paths, and a chain of these actions; its name."""
        name = f"bench_{uuid4().hex[:8]}"
        steps = [{"name": step} if isinstance(step, str) else step for step in chain]
        rules = [{"type": kind, "batch_size": batch_size, "action": steps}]
        self.client.apply_workflow(name, {"name": name, "discovery": discovery, "filter_rules": rules})
        return name

    def submit(self, workflow: str, paths: Iterable[str | bytes]) -> int:
        """Start a job; its id."""
        return self.client.submit(workflow, SITE, paths)["id"]

    def end(self, job: int) -> Document:
        """The job as soon as it has ended, asked for again and again: every 30th of the time that it has taken."""
        began = time.monotonic()
        while True:
            seen = self.client.job(job)
            if seen["state"] in BATCH_JOB.terminal:
                return seen
            time.sleep(max(_LOOK_S, (time.monotonic() - began) / _LOOKS))

    def timed(self, workflow: str, paths: Sequence[str | bytes]) -> tuple[float, Document]:
        """Seconds from the request to the end seen, and the job."""
        began = time.monotonic()
        ended = self.end(self.submit(workflow, paths))
        return time.monotonic() - began, ended

    def followed(self, workflow: str, paths: Sequence[str | bytes]) -> tuple[float, Document]:
        """The same, where the end is told by the job's live events, as to whoever waits for it."""
        began = time.monotonic()
        job = self.submit(workflow, paths)
        for _ in self.client.events(job):
            pass
        return time.monotonic() - began, self.client.job(job)

    def come_to_rest(self) -> None:
        """Wait until PostgreSQL has tidied up after what was loaded into it, which it begins up to 10 s later."""
        with psycopg.connect(self.profile.database_url, autocommit=True) as connection:
            quiet_since, deadline = time.monotonic(), time.monotonic() + _AT_REST_WITHIN_S
            while time.monotonic() < min(deadline, quiet_since + _QUIET_S):
                time.sleep(0.5)
                if connection.execute(_TIDIES).fetchone() != (0,):
                    quiet_since = time.monotonic()

    def pids(self) -> Mapping[str, int]:
        """The processes of its programs, by name, and ``up`` itself; one that is being started again is left out."""
        pids: dict[str, int] = json.loads((self.stage.home / "processes.json").read_text())
        return pids | {"up": int((self.stage.home / "lock").read_text())}

    def check_told(self, part: str, variables: Mapping[str, str]) -> None:
        """Unsound unless the process of this part was started with these in its environment."""
        told = psutil.Process(self.pids()[part]).environ()
        if missed := [name for name, value in variables.items() if told.get(name) != value]:
            raise Unsound(f"the {part} was not told {', '.join(missed)}")

    def check(self, job: Document, paths: int, steps: int) -> None:
        """Unsound unless every path came through and every task is a success: counted, and up to a number looked at."""
        if job["state"] != "Success" or job["paths"]["processed"] != paths or job["paths"]["total"] != paths:
            raise Unsound(f"job {job['id']} is {job['state']} with {job['paths']}, not Success with {paths} processed")
        tasks = {state: count for state, count in job["tasks"].items() if count}
        if any(step["Success"] != sum(step[state] for state in tasks) for step in job["steps"]):
            raise Unsound(f"job {job['id']} has tasks that are no success: {job['steps']}")
        if len(job["steps"]) != steps:
            raise Unsound(f"job {job['id']} has {len(job['steps'])} steps, not {steps}")
        if tasks["Success"] <= MOST_LISTED:
            self._look_at_each(job["id"], tasks["Success"], paths * steps)

    def _look_at_each(self, job: int, tasks: int, outcomes: int) -> None:
        seen = list(self.client.of_job(job, "tasks"))
        good = [task for task in seen if task["state"] == "Success"]
        processed = sum(task["paths"]["processed"] for task in good)
        if (len({task["id"] for task in seen}), len(good), processed) != (tasks, tasks, outcomes):
            raise Unsound(f"job {job} lists {len(good)} good tasks of {len(seen)} with {processed} paths processed")


@contextmanager
def started(*options: str, roots: Sequence[Path] = (), variables: Mapping[str, str] | None = None) -> Generator[Stack]:
    """A stack for as long as it is looked at: with one site of two worker processes, unless ``up`` is told else."""
    more = options or ("--site", SITE, "--no-flower")
    with stage("bench") as made, running(made, [made.files, *roots], options=more, variables=variables):
        profile = read_profile(made.home)
        with DocumentClient(profile.url, profile.key) as client:
            yield Stack(made, client, profile)


def names(count: int) -> list[str]:
    """So many paths to be given. They are no files, so that nothing has to be looked up for them."""
    return [f"item-{number:07d}" for number in range(count)]
