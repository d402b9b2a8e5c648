"""Work for a stack under chaos: so many jobs at a time, and a record of what was really run."""

import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from orchestrator.chaos.target import Target
from orchestrator.client import ApiRefused
from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.errors import Unreachable

ACTIONS = "workers.chaos"
"""The module of the action that says what it runs; the sites load it."""
WORKFLOW = "chaos"
FOLDERS, FILES = 8, 15
BATCH = 5
SECONDS_A_PATH = 0.03
STEPS = 2
SECONDS_A_JOB = FOLDERS * FILES * STEPS * SECONDS_A_PATH
"""Of work, done by one process."""
_LOOK_S = 0.5


def make_files(folder: Path) -> None:
    """What the jobs work on."""
    for place in range(FOLDERS):
        inner = folder / f"{place:02d}"
        inner.mkdir()
        for number in range(FILES):
            (inner / f"{number:02d}").touch()


def workflow(ran: Path) -> dict[str, Any]:
    """Two steps at two sites, each of which appends to this file what it runs."""
    note = {"name": "chaos.note", "file": str(ran), "seconds": SECONDS_A_PATH}
    rule = {"type": "file", "batch_size": BATCH, "action": [note, {**note, "site": "paris"}]}
    return {"name": WORKFLOW, "discovery": "recursive", "filter_rules": [rule]}


class Run(NamedTuple):
    """A path that was run: once, by one attempt."""

    task: int
    attempt: int
    place: int
    """In the batch."""


@dataclass(frozen=True)
class Runs:
    """Everything that was run."""

    each: Counter[Run] = field(default_factory=Counter[Run])

    @classmethod
    def read(cls, ran: Path) -> "Runs":
        """From the file that the action appended to."""
        lines = ran.read_text().splitlines() if ran.exists() else ()
        return cls(Counter(Run(*map(int, line.split())) for line in lines))

    @property
    def repeated(self) -> int:
        """Paths of a task that were run again by a later attempt: allowed, since at least once is what is promised."""
        return sum(n > 1 for n in Counter((run.task, run.place) for run in self.each).values())

    def twice(self) -> list[Run]:
        """What one attempt ran twice: that is not allowed, since an attempt is claimed once."""
        return [run for run, n in self.each.items() if n > 1]

    def unrun(self, processed: Iterable[tuple[int, int]]) -> list[int]:
        """Of these tasks, each with how many paths it processed, those of which fewer were run."""
        ran = Counter(task for task, _ in {(run.task, run.place) for run in self.each})
        return [task for task, n in processed if ran[task] < n]


class Load:
    """Keeps ``jobs`` jobs going, from a thread of its own, until it is stopped; the API may be away at any time."""

    def __init__(self, target: Target, files: Path, jobs: int) -> None:
        self._target, self._files, self._jobs = target, files, jobs
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._going: set[int] = set()
        self._key = uuid4().hex
        self.submitted: list[int] = []
        """Every job that we were told of."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Submit nothing more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(Unreachable, ApiRefused):
                self._look()
            self._stop.wait(_LOOK_S)

    def _look(self) -> None:
        for job in list(self._going):
            if self._target.client.job(job)["state"] in BATCH_JOB.terminal:
                self._going.remove(job)
        while len(self._going) < self._jobs and not self._stop.is_set():
            # The same key until there is an answer: what was made and not answered is not made again.
            made = self._target.client.submit(WORKFLOW, "london", [bytes(self._files)], idempotency_key=self._key)["id"]
            self._key = uuid4().hex
            self._going.add(made)
            self.submitted.append(made)
